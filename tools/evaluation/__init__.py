"""What tools/evaluate.py is made of: the clips, the baselines, the protocols and the report."""
