"""How fast live lip-sync is, how late its frames come, and whether it drifts or grows.

    python -m benchmarks.live [--minutes 60] [--size 1280x720] [--by_cpu_time]

First frames as fast as they can be made, for the head-room; then sound at its own pace, 20 ms at
a time, pushed by one thread while another takes frames, as a call would. A frame's latency is from
when the middle of its sound was pushed to when it is out. What shows or codes frames comes on top.

--by_cpu_time says what one thread would reach on a machine with nothing else to do: the clock
counts the CPU time that frames take, and jumps over the rest.
"""

import argparse
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

import video
from lipsync import LipSync
from lipsync.live import LiveSession, Player
from lipsync.live.inputs import BLOCK_SECONDS
from models.pretrained import LIP_WARP, ROOT

SAMPLE = ROOT / "sample_data"
WARM_SECONDS = 20  # after which memory is counted, and latency
FAST_FRAMES = 250
REPORT_SECONDS = 300  # a run stopped halfway has said what it came to


@dataclass
class Measured:
    """What a run at its own pace showed."""

    late: list[float] = field(default_factory=list)  # seconds by frame, from WARM_SECONDS on
    repeated: int = 0
    memory: list[float] = field(default_factory=list)  # MiB resident, once a second


def make_video(source: Path, target: Path, size: tuple[int, int]) -> Path:
    """The face on a canvas of a size, as high as it."""
    width, height = size
    info = video.probe(source)
    scale = min(width / info.width, height / info.height)
    inner = round(info.width * scale), round(info.height * scale)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    with video.VideoWriter(target, width, height, info.fps) as writer:
        for frame in video.read_frames(source):
            canvas = np.full((height, width, 3), 60, np.uint8)
            resized = cv2.resize(frame, inner, interpolation=cv2.INTER_CUBIC)
            canvas[top : top + inner[1], left : left + inner[0]] = resized
            writer.write(canvas)
    return target


def run_fast(session: LiveSession, wav: np.ndarray, frames: int) -> tuple[float, float]:
    """Seconds by the clock and of CPU time that a frame takes, one at a time."""
    block = round(session.sample_rate / session.fps)
    wav = np.resize(wav, (frames + 20) * block)
    session.feed(wav[: 10 * block])
    begin, cpu, made = time.perf_counter(), time.process_time(), 0
    for at in range(10 * block, len(wav), block):
        made += len(session.feed(wav[at : at + block]))
    return (time.perf_counter() - begin) / made, (time.process_time() - cpu) / made


def run_paced(session: LiveSession, wav: np.ndarray, seconds: float) -> Measured:
    """Sound at its own pace for so long."""
    player = Player(session)
    first = session.fed_seconds
    begin = time.monotonic()
    pushing = threading.Thread(target=push, args=(player, wav, begin, seconds), daemon=True)
    pushing.start()
    return watch(player, lambda: time.monotonic() - begin, first, seconds)


def watch(player: Player, clock: Callable[[], float], first: Fraction, seconds: float) -> Measured:
    """What becomes of each frame; the sound of `first`, in seconds, came at the clock's 0."""
    fps, found, told = player.session.fps, Measured(), 0.0
    for frame in player.frames():
        middle = float((frame.number + Fraction(1, 2)) / fps - first)
        if middle > told + REPORT_SECONDS:
            told += REPORT_SECONDS
            report(found, f"after {told / 60:.0f} minutes, ")
        found.repeated += frame.repeated
        if middle > min(WARM_SECONDS, seconds / 3):
            found.late.append(clock() - middle)
            if frame.number % round(fps) == 0:
                found.memory.append(resident_megabytes())
    return found


class CpuClock:
    """A clock that jumps where Player waits, and pushes what would have come by then."""

    def __init__(self, wav: np.ndarray, seconds: float) -> None:
        self._wav, self._blocks = wav, round(seconds / BLOCK_SECONDS)
        self._pushed, self._jumped, self._begin = 0, 0.0, time.process_time()
        self.player: Player | None = None

    def __call__(self) -> float:
        now = self._jumped + time.process_time() - self._begin
        while self._pushed < self._blocks and (self._pushed + 1) * BLOCK_SECONDS <= now:
            push_block(self.player, self._wav, self._pushed)
            self._pushed += 1
        if self._pushed == self._blocks:
            self.player.end()
        return now

    def sleep(self, seconds: float) -> None:
        self._jumped += seconds


def run_by_cpu_time(session: LiveSession, wav: np.ndarray, seconds: float) -> Measured:
    """The same by CpuClock."""
    clock = CpuClock(wav, seconds)
    player = clock.player = Player(session, clock=clock, sleep=clock.sleep)
    return watch(player, clock, session.fed_seconds, seconds)


def push(player: Player, wav: np.ndarray, begin: float, seconds: float) -> None:
    for number in range(round(seconds / BLOCK_SECONDS)):
        wait = begin + (number + 1) * BLOCK_SECONDS - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        push_block(player, wav, number)
    player.end()


def push_block(player: Player, wav: np.ndarray, number: int) -> None:
    """The sound of one BLOCK_SECONDS, of a speech that begins anew when it has ended."""
    block = round(BLOCK_SECONDS * player.session.sample_rate)
    places = np.arange(number * block, (number + 1) * block) % len(wav)
    player.push(wav[places])


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def report(found: Measured, when: str = "") -> None:
    late = np.array(found.late)
    tenth = max(1, len(late) // 10)
    drift = np.median(late[-tenth:]) - np.median(late[:tenth])
    print(f"{when}load {os.getloadavg()[0]:.1f}")
    print(
        f"latency: median {np.median(late) * 1000:.0f} ms, 99th percentile "
        f"{np.quantile(late, 0.99) * 1000:.0f} ms, most {late.max() * 1000:.0f} ms"
    )
    print(f"drift: {drift * 1000:+.0f} ms from the first tenth to the last")
    total = len(late)
    print(f"pictures repeated for lack of time: {found.repeated} of about {total}")
    if found.memory:
        print(f"memory: {found.memory[0]:.0f} MiB first, {found.memory[-1]:.0f} MiB last, "
              f"{max(found.memory):.0f} MiB at most", flush=True)  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="of sound at its own pace")
    parser.add_argument("--size", default="1280x720", help="of the video, WIDTHxHEIGHT")
    parser.add_argument("--face", type=Path, default=SAMPLE / "face.mp4")
    parser.add_argument("--audio", type=Path, default=SAMPLE / "speech_en.wav")
    parser.add_argument("--checkpoint_path", default=str(LIP_WARP))
    parser.add_argument("--by_cpu_time", action="store_true", help="as on a machine of its own")
    parser.add_argument("--threads", type=int, default=1, help="of the networks")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--backend", default="torch")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    size = tuple(map(int, args.size.split("x")))
    with tempfile.TemporaryDirectory() as folder:
        face = make_video(args.face, Path(folder) / "face.mp4", size)
        maker = LipSync(
            args.checkpoint_path,
            device=args.device,
            precision=args.precision,
            backend=args.backend,
            live=True,
        )
        session = LiveSession(face, maker)
        wav = np.pad(video.read_sound(args.audio, session.sample_rate), (0, session.sample_rate))
        clock, cpu = run_fast(session, wav, FAST_FRAMES)
        print(f"{args.size} at {float(session.fps):g} frames a second, {session.backend.device}, "
              f"{maker.backend.name} {maker.backend.precision}, "
              f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
        print(f"as fast as it can: {1 / clock:.1f} frames a second by the clock, "
              f"{1 / cpu:.1f} by CPU time ({cpu * 1000:.1f} ms a frame, "
              f"{cpu * float(session.fps):.2f} cores at its pace)", flush=True)  # fmt: skip
        run = run_by_cpu_time if args.by_cpu_time else run_paced
        found = run(session, wav, args.minutes * 60)
        report(found)


if __name__ == "__main__":
    main()
