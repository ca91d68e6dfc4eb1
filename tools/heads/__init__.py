"""Synthetic talking heads: people drawn by chance, rendered with exact geometry."""
