"""Preprocessed clips on disk: their files, their names, and which of them can be trained on."""
