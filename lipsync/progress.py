"""Progress for people: frames per second and the time left, a bar for each stage, on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from lipsync.watching import Progress

STAGES = {
    "faces": "finding faces",
    "looks": "looking at faces",
    "frames": "making frames",
    "sheet": "drawing the contact sheet",
    "score": "scoring",
}


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """What LipSync is to be given; the bars are closed at the end."""
    bars: dict[str, tqdm] = {}

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage not in bars:
            for bar in bars.values():
                bar.close()
            bars[stage] = tqdm(total=total, desc=STAGES[stage], unit="frame", disable=quiet)
        bars[stage].update(done - bars[stage].n)

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()
