"""Skips tests that need espeak-ng where it is absent, with the way to get it."""

import pytest

from synthesis.espeak import EspeakError, find_library

try:
    find_library()
    ABSENT = ""
except EspeakError as error:
    ABSENT = str(error)
needs_espeak = pytest.mark.skipif(bool(ABSENT), reason=ABSENT or "installed")
