"""A preprocessed corpus on disk: what its clips are called, where they lie, which are whole."""
