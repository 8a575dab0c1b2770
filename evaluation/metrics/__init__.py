"""What is measured: one file a number or a network that judges; table.py names them all."""
