"""Parts of `tools/glass.py`."""
