"""What inference.py does with one video and with many: flags, checks, the file of --jobs, workers."""
