"""How a face is measured, taken apart, moved and drawn: arrays in, arrays out."""
