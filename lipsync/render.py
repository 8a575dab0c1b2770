"""A planned video's frames: decode, feed, generate, paste, each stage ahead of the next."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

import video
from lipsync.backends.torch_backend import TorchBackend
from lipsync.canvas import Canvas
from lipsync.plan import Plan
from lipsync.smart_copy import Copied, frames_between
from lipsync.source import Frame
from lipsync.stages import frames_that_fit, prefetch, timed
from lipsync.version import TAG
from models.generator import Arrays, Generator, Place

log = logging.getLogger(__name__)

BATCHES_ON_THE_WAY = 5  # that the stages hold, about
FIRST_BATCH = 4  # frames: the encoder has work soon
GREY = 127  # of a face that was never seen
LEAST_TRUST = 0.5  # of a face, under which a frame is reported to keep its given mouth


@dataclass
class Tally:
    """What is noticed while frames are made."""

    seconds: dict[str, float] = field(default_factory=dict)  # by stage; stages overlap
    faceless: list[int] = field(default_factory=list)  # frames of the result that stay untouched
    filled: list[int] = field(default_factory=list)  # frames whose face was interpolated
    doubtful: list[int] = field(default_factory=list)  # frames that show more of the given mouth
    times: list[Fraction] = field(default_factory=list)  # of frames, where they keep their own
    changed: list[int] = field(default_factory=list)  # frames that are not as given
    copied: list[int] = field(default_factory=list)  # frames that are coded as they were


@dataclass
class _Batch:
    canvases: list[Canvas]
    places: list[tuple[int, Place]] = field(default_factory=list)  # index into frames; per face
    inputs: list[Arrays] = field(default_factory=list)  # what each of these faces is made from


def render(
    plan: Plan,
    backend: TorchBackend,
    tally: Tally | None = None,
    copied: Copied | None = None,
) -> Iterator[Frame]:
    """Yield the finished frames, native where plan.layout says so, without those that are copied.

    Decoding and generating run ahead in threads of their own.
    """
    tally = tally or Tally()
    fed = timed(_feed_batches(plan, backend, tally, copied), tally.seconds, "decode and cut")
    made = _generate(prefetch(fed), backend, tally)
    if plan.crop_side:
        yield from _alone(prefetch(made), backend.generator)
        return
    for batch in prefetch(made):
        yield from _paint(batch, backend.generator)


def open_writer(
    outfile: str | Path, plan: Plan, copied: Copied | None = None
) -> video.VideoWriter | video.SplicedWriter:
    """The encoder of a planned video, with its sound and with what is copied."""
    settings, info = plan.settings, plan.source.info
    written = (outfile, *plan.size, plan.source.fps)
    options = {
        "sound": plan.sound,
        "sound_start": plan.sound_span[0],
        "sound_end": plan.sound_span[1],
        "codec": copied.codec if copied else settings.codec,
        "crf": settings.crf,
        "preset": settings.preset,
        "pix_fmt": settings.pix_fmt,
        "layout": plan.layout,
        "clock": plan.source.clock,
        "colour": info.colour if info.kind == "video" else "bt709",
        "mastering": video.read_mastering(info),
        "comment": TAG if settings.tag else "",
    }
    if copied:
        cut = {"film": info, "entries": copied.entries, "stretches": copied.stretches}
        return video.SplicedWriter(*written, **cut, frame_count=plan.frame_count, **options)
    writer = video.VideoWriter(*written, **options)
    if info.has_alpha and (plan.layout is None or writer.drops_alpha):
        log.warning(
            "%s: its transparency is dropped; planes of it are kept by --codec prores_ks in .mov, "
            "ffv1 in .mkv, libvpx-vp9 in .webm", info.path,
        )  # fmt: skip
    return writer


def _feed_batches(
    plan: Plan, backend: TorchBackend, tally: Tally, copied: Copied | None
) -> Iterator[_Batch]:
    most = frames_that_fit(plan.source.size, backend.device.type, BATCHES_ON_THE_WAY)
    shown = frames_between(plan, copied.stretches if copied else [])
    size = FIRST_BATCH
    while group := list(islice(shown, min(most, size, backend.batch_size))):
        batch, size = _Batch([]), most
        for number, shown_number, frame in group:
            if plan.source.clock:
                if (seconds := plan.shown_at(number, shown_number)) is None:
                    continue
                tally.times.append(seconds)
            _note_gaps(tally, number, shown_number, plan)
            places = plan.places(number, shown_number)
            tally.changed += [number] if places else []
            regions = [backend.generator.region(place, plan.source.size) for place in places]
            canvas = Canvas(frame, regions)
            batch.canvases.append(canvas)
            for place in places:
                batch.places.append((len(batch.canvases) - 1, place))
                heard = plan.heard(number, place)
                batch.inputs.append(backend.generator.feed(canvas.levels, place, heard))
        yield batch


def note_copied(tally: Tally, copied: Copied, plan: Plan) -> None:
    """Tell of frames that are not rendered what is told of others."""
    tally.copied = copied.frames
    for number in tally.copied:
        _note_gaps(tally, number, number, plan)
    for noted in (tally.faceless, tally.filled, tally.doubtful):
        noted.sort()


def _note_gaps(tally: Tally, number: int, shown_number: int, plan: Plan) -> None:
    places = plan.places_at(shown_number)
    if not places:
        if not plan.faces.at(shown_number):  # else whoever is there listens
            tally.faceless.append(number)
        return
    if plan.faces.is_filled(shown_number):
        tally.filled.append(number)
    if max(place.strength for place in places) < LEAST_TRUST:
        tally.doubtful.append(number)


def _generate(
    batches: Iterator[_Batch], backend: TorchBackend, tally: Tally
) -> Iterator[tuple[_Batch, list[Arrays]]]:
    for batch in batches:
        begin = time.perf_counter()
        made = backend.generate(batch.inputs)
        spent = time.perf_counter() - begin
        tally.seconds["generate"] = tally.seconds.get("generate", 0.0) + spent
        yield batch, made


def _paint(made: tuple[_Batch, list[Arrays]], generator: Generator) -> Iterator[Frame]:
    batch, results = made
    for (at, place), result in zip(batch.places, results, strict=True):
        canvas = batch.canvases[at]
        patch = generator.patch(canvas.picture, place, result)
        if patch is not None:
            canvas.paint(patch)
    for canvas in batch.canvases:
        yield canvas.finish()


def _alone(
    batches: Iterator[tuple[_Batch, list[Arrays]]], generator: Generator
) -> Iterator[np.ndarray]:
    """The painted face of each frame, of several the first; where there is none, the last one."""
    side = generator.crop_side
    face = np.full((side, side, 3), GREY, np.uint8)
    for batch, results in batches:
        first: dict[int, Arrays] = {}
        for (at, _), result in zip(batch.places, results, strict=True):
            first.setdefault(at, result)
        for at in range(len(batch.canvases)):
            face = generator.alone(first[at]) if at in first else face
            yield face
