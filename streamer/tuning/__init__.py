"""Fitting the refiner to one person: FiLM numbers that undo disguises of their own photos."""
