"""Mouths and sound against each other: what fits, at which shift, and who speaks."""
