"""One frame with two mouths: pairs of rendered heads, and of photographs."""
