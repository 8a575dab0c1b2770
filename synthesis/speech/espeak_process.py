"""espeak-ng in a process of its own: some voices crash it where pitch is low and its range wide.

Run as a program it answers on standard output what is asked on standard input, until that ends.
"""

import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from synthesis.speech.espeak import EspeakError, SpokenText, Voice, say

ROOT = Path(__file__).resolve().parents[2]


class EspeakCrash(EspeakError):
    """espeak-ng ended its process over a sentence."""


class Mouthpiece:
    """A process that speaks; started when first asked, and again after a crash."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", __name__)):
        self.command = command
        self._process: subprocess.Popen | None = None

    def say(self, text: str, voice: Voice) -> SpokenText:
        """As espeak.say, and EspeakCrash where that would have been the end."""
        if self._process is None:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        try:
            pickle.dump((text, voice), self._process.stdin)
            self._process.stdin.flush()
            answer = pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            code = self._end()
            raise EspeakCrash(f"espeak-ng crashed ({code}) in {voice} on {text!r}") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _end(self) -> int:
        """The exit status of the process, which is gone."""
        with suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        code = self._process.wait()
        self._process = None
        return code


def answer_requests() -> None:
    """Speak what is asked for until nobody asks any more; Ctrl-C is for who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            text, voice = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = say(text, voice)
        except EspeakError as error:
            answer = error
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    answer_requests()
