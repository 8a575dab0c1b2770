"""What FaceFinder learns from: synthetic heads, scenes composed of them, losses, scores."""
