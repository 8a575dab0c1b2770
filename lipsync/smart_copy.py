"""Which frames of a result are copied from the film as they are coded: those that stay, between
key frames.
"""

import logging
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from lipsync.plan import Plan
from lipsync.source import Frame
from video import Entries, MediaError, Stretch, find_entries
from video.encoders import formats_of
from video.splice import ENCODERS, WRITTEN_TO

log = logging.getLogger(__name__)

LEAST_SECONDS = 0.5  # that are worth a piece: each new one begins with a key frame
SKIPPED_SECONDS = (
    8  # that are read and dropped sooner than sought: a seek decodes 5 and starts anew
)


class Copied(NamedTuple):
    """What is copied, and with what the rest is coded."""

    stretches: list[Stretch]
    entries: Entries

    @property
    def codec(self) -> str:
        return ENCODERS[self.entries.packets.codec]

    @property
    def frames(self) -> list[int]:
        """The numbers of all frames that are copied."""
        return [number for begin, end, _ in self.stretches for number in range(begin, end)]


def choose_copied(plan: Plan, outfile: Path) -> Copied | None:
    """What can be copied; None where nothing can be, and the log says why."""
    try:
        _check(plan, outfile)
        source = plan.source
        entries = find_entries(source.info, source.fps)
        copied = Copied(list(_stretches(plan, entries)), entries)
        _check_coding(plan, copied.codec)
        if not copied.stretches:
            raise MediaError("no stretch between two clean key frames stays as it is")
    except MediaError as error:
        log.warning("--smart_copy: every frame is coded: %s", error)
        return None
    return copied


def _check(plan: Plan, outfile: Path) -> None:
    """Raises MediaError where the frames of the result are not those of the film."""
    source = plan.source
    if not source.is_unedited or plan.crop_side:
        raise MediaError("the result's pictures are not the film's as they are")
    if source.times is not None:
        raise MediaError("--vfr keep gives frames times of their own")
    if outfile.suffix.lower() not in WRITTEN_TO:
        raise MediaError(f"{outfile.suffix} can't hold it; {', '.join(WRITTEN_TO)} can")


def _check_coding(plan: Plan, codec: str) -> None:
    """Raises MediaError where new frames would not be coded as the film is."""
    settings, layout = plan.settings, plan.layout
    if settings.codec not in (None, codec):
        raise MediaError(f"the film is coded as by {codec}, and not {settings.codec}")
    given = plan.source.info.pix_fmt
    if layout is None or layout.pixels.name != given or given not in formats_of(codec):
        raise MediaError(f"{codec} does not take the film's {given} as it is")
    if settings.pix_fmt not in (None, given):
        raise MediaError(f"the film has {given}, and not {settings.pix_fmt}")


def _stretches(plan: Plan, entries: Entries) -> Iterator[Stretch]:
    """The frames between cuts in which nothing changes, in order; neighbours as one."""
    fps = plan.source.fps
    late = entries.first_frame - round(plan.source.start * fps)  # from packets to frames
    begin = end = packet = 0
    for cut, following in pairwise(entries.cuts):
        if cut + late != end:  # what was before ends here
            yield from _worthwhile(begin, end, packet, fps)
            begin, end, packet = cut + late, cut + late, cut
        if _stays(plan, cut + late, following + late):
            end = following + late
    yield from _worthwhile(begin, end, packet, fps)


def _worthwhile(begin: int, end: int, packet: int, fps) -> Iterator[Stretch]:
    if end - begin >= max(1, LEAST_SECONDS * fps):
        yield Stretch(begin, end, packet)


def _stays(plan: Plan, begin: int, end: int) -> bool:
    """Whether all of these frames are in the result, and as they were."""
    if begin < 0 or end > plan.frame_count:
        return False
    return not any(plan.places(number, number) for number in range(begin, end))


def frames_between(plan: Plan, stretches: list[Stretch]) -> Iterator[tuple[int, int, Frame]]:
    """(number in the result, number in the source, frame) of those that are not copied."""
    played, at = None, 0
    edges = [0, *(edge for begin, end, _ in stretches for edge in (begin, end)), plan.frame_count]
    try:
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if begin == end:
                continue
            if played is None or begin - at > SKIPPED_SECONDS * plan.source.fps:
                if played is not None:
                    played.close()
                at = max(0, begin - 1)  # there is a frame before the one after the last
                played = plan.source.played(
                    plan.settings.loop, native=plan.layout is not None, first=at
                )
            for number, (shown, frame) in enumerate(islice(played, end - at), at):
                if number >= begin:
                    yield number, shown, frame
            at = end
    finally:
        if played is not None:
            played.close()
