"""People: head, hair, clothes, what they wear, and how they pose."""
