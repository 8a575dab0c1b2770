"""Skips tests that need espeak-ng where it is absent, with the way to get it."""

import pytest

from synthesis.speech.espeak import EspeakError, find_library

try:
    find_library()
    ABSENT = ""
except EspeakError as error:
    ABSENT = str(error)
skips_without_espeak = pytest.mark.skipif(bool(ABSENT), reason=ABSENT or "installed")


def needs_espeak(test):
    """Marks a test `espeak`, by which CI finds it again once espeak-ng is installed."""
    return pytest.mark.espeak(skips_without_espeak(test))
