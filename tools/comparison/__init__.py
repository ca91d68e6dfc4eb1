"""What compares our generator with that of the seed paper."""
