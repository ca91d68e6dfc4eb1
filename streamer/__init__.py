"""The program: a person's face in, a moving portrait out."""
