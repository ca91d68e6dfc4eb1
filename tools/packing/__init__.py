"""What tools/pack.py is made of: faces found, pictures cropped, pieces written, and their card."""
