"""What is wrong with a file of weights, for all who read some form of them."""

import pickle
import struct
import zipfile

from safetensors import SafetensorError

# What the readers of the standard library, torch and safetensors raise on files with wrong bytes.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImportError,
    LookupError, MemoryError, NameError, OSError, RuntimeError, SafetensorError, TypeError,
    ValueError, pickle.PickleError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


class CheckpointError(ValueError):
    """A file is no checkpoint, or not of the network that was asked for; the message says what."""
