"""What is wrong with a corpus, and with one clip of it."""


class CorpusError(ValueError):
    """A corpus that cannot be used, or not as asked; the message says why and what to do."""


class ClipError(ValueError):
    """A clip that cannot be trained on; the message says why."""
