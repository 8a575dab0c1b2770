"""What inference.py does with one video and with many: flags, checks, job file, workers."""
