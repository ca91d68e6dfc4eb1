"""What tools/train.py is made of: samples, their cache, losses, the loop and its records."""
