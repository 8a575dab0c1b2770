"""What the small face detector learns from: made heads, scenes composed of them, losses, scores."""
