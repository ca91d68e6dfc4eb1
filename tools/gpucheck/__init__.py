"""The parts of gpu_check: what is measured, how, and the table."""
