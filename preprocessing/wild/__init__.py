"""One film of any kind to the clips that train: its usable stretches, each with its own sound."""
