r"""The videos of the published protocols, made by a generator: what evaluation.evaluate scores.

python -m evaluation.make_videos --filelist LIST --data_root DIR --results_dir DIR \
    --checkpoint_path FILE
"""

import argparse
import logging
import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tqdm import tqdm

import video
from atomic import end_cleanly_on_signals
from audio import save_wav
from evaluation.protocols import MODES, Pair, read_pairs
from face_detection import DEFAULT_PADS, DETECTOR_NAMES, Pads
from lipsync import LipSync, Settings
from models.devices import device_faults_told

MOST_LINES = 720  # of a real video; larger ones are shrunk by a whole number
SLACK_SECONDS = 0.12  # of the speech, which the original drops at the end
WAY_OUT = "try again with --device cpu"
SILENCE_RATE = 16000  # Hz

log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.make_videos",
        description="Make the videos of a list. Those that are there already are kept.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--filelist", type=Path, required=True, help="audio_id video_id a line")
    parser.add_argument("--data_root", type=Path, required=True, help="where the ids lie")
    parser.add_argument("--results_dir", type=Path, required=True, help="where the videos go")
    parser.add_argument("--checkpoint_path", required=True, help="weights of the generator")
    parser.add_argument(
        "--mode", choices=MODES, default="filelist",
        help="filelist: LRS2, LRS3, LRW: no pads, and videos shorter than their speech are left "
        "out. random, dubbed, tts: real videos; dubbed ones speak their own sound; for tts the "
        "video is stretched to the speech",
    )  # fmt: skip
    parser.add_argument(
        "--silent", action="store_true",
        help="silence of the same length in place of the speech, to measure the leak",
    )  # fmt: skip
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="auto", help="finds faces")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    end_cleanly_on_signals()
    try:
        pairs = read_pairs(args.filelist, args.data_root, args.mode)
        with device_faults_told(WAY_OUT):
            maker = LipSync(args.checkpoint_path, device=args.device, detector=args.detector)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    left_out = {}
    try:
        for pair in tqdm(pairs, unit="video"):
            try:
                with device_faults_told(WAY_OUT):
                    make_video(pair, args.results_dir, maker, args.mode, silent=args.silent)
            except (ValueError, OSError) as error:
                left_out[pair.name] = str(error)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    print(f"{len(pairs) - len(left_out)} of {len(pairs)} videos are in {args.results_dir}")
    return int(len(left_out) * 2 > len(pairs))


def make_video(
    pair: Pair, results_dir: Path, maker: LipSync, mode: str, *, silent: bool = False
) -> Path:
    """Make one video unless it is there. Raises ValueError (MediaError, NoFaceError)."""
    outfile = results_dir / f"{pair.name}.mp4"
    if outfile.exists():
        return outfile
    face = video.probe(pair.face)
    speech_seconds = video.probe(pair.audio).duration or 0.0
    if mode == "filelist" and (face.duration or 0.0) + SLACK_SECONDS < speech_seconds:
        raise ValueError(
            f"the video is shorter ({face.duration} s) than its speech ({speech_seconds} s)"
        )
    with TemporaryDirectory() as folder:
        shown, audio = pair.face, pair.audio
        if mode == "tts":
            shown = stretch(shown, speech_seconds, Path(folder) / "stretched.mkv")
        if silent:
            audio = write_silence(Path(folder) / "silence.wav", speech_seconds)
        maker.run(shown, audio, outfile, settings_for(mode, face.height))
    return outfile


def settings_for(mode: str, height: int) -> Settings:
    """The protocol's choices for a video of that many lines."""
    if mode == "filelist":
        return Settings(pads=Pads(0, 0, 0, 0))
    return Settings(pads=DEFAULT_PADS, resize_factor=math.ceil(height / MOST_LINES))


def stretch(path: Path, seconds: float, target: Path) -> Path:
    """A video that shows all of another's frames in `seconds`: repeated, or left out, evenly."""
    info = video.probe(path)
    fps = info.fps or 25
    shown = sum(1 for _ in video.read_frames(path, height=16))
    wanted = max(1, round(seconds * fps))
    written = 0
    with video.VideoWriter(target, info.width, info.height, fps, crf=8) as writer:
        for number, frame in enumerate(video.read_frames(path), 1):
            while written < wanted and written * shown < number * wanted:
                writer.write(frame)
                written += 1
    return target


def write_silence(path: Path, seconds: float) -> Path:
    """A WAV file of nothing."""
    samples = max(1, round(seconds * SILENCE_RATE))
    save_wav(path, np.zeros(samples, np.int16), SILENCE_RATE)
    return path


if __name__ == "__main__":
    sys.exit(main())
