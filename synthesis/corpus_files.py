"""Synthetic clips on disk: videos in LRS2's layout, or crops as preprocess.py writes them."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from atomic import write_whole
from audio import as_16_bit, save_wav
from corpus.description import write_description
from corpus.layout import DONE
from corpus.transcripts import WORDS_FILE
from corpus.truth import TRUTH_FILE, TRUTH_FORMAT
from corpus.whole_folder import partial_folder, whole_folder
from corpus.write import write_face, write_heard
from face_detection import DEFAULT_PADS, Box, crop_box
from hparams import ClipHParams
from preprocessing.settings import PreprocessSettings
from synthesis.render.degrade import degrade_frame
from synthesis.renderer import FrameTruth, Renderer
from synthesis.speech.acting import wander
from synthesis.speech.performance import FPS, curve_points, sample_frames
from synthesis.speech.sentences import transcript
from synthesis.speech.voices import SAMPLE_RATE
from synthesis.synthetic_clip import SyntheticClip
from video import VideoWriter

POOREST_CRF, BEST_CRF = 33, 16  # of x264: from blocks that everybody sees to none
# How far a detector is off, in shares of the face, as our Haar detector was over 40 clips: by each
# edge from clip to clip, wandering within a clip, and sideways to where the face is turned.
BOX_BIAS = (0.042, 0.031, 0.042, 0.045)  # left, top, right, bottom
BOX_WANDER, BOX_WANDER_SECONDS = 0.015, 0.3
BOX_TURN = 0.45  # per radian of yaw; a detector that hugs the face has less, so it is drawn


def video_folder(root: Path) -> Path:
    """Where the videos go: <root>/main, as in LRS2."""
    return root / "main"


def is_video_done(root: Path, name: str) -> bool:
    """Whether the clip is there; its video is the last of its files to appear."""
    return (video_folder(root) / f"{name}.mp4").is_file()


def are_crops_done(root: Path, name: str) -> bool:
    """Whether the clip's crops are there, all of them."""
    return (root / name / DONE).is_file()


def write_video(clip: SyntheticClip, renderer: Renderer, root: Path) -> None:
    """<root>/main/<name>.mp4 with sound, .txt with the words, .json with each frame's truth."""
    target = video_folder(root) / clip.name
    with partial_folder(target) as folder:
        truths = _encode(clip, renderer, folder)
        (folder / "words").write_text(transcript(clip.text), encoding="utf-8")
        drawn = _drawn(renderer, truths)
        (folder / "truth").write_text(_truth_json(clip, drawn), encoding="utf-8")
        for made, suffix in (("words", ".txt"), ("truth", ".json"), ("made.mp4", ".mp4")):
            os.replace(folder / made, target.with_suffix(suffix))


def write_crops(clip: SyntheticClip, renderer: Renderer, root: Path, crop_size: int) -> None:
    """<root>/<name>/{0.jpg, ..., audio.wav, mel.npy, words.txt, truth.json, clip.json}.

    The boxes are the true ones, off as a detector's are; only what is in them is drawn, the longer
    side at most crop_size pixels.
    """
    with whole_folder(root / clip.name) as folder:
        truths, boxes = _draw_crops(clip, renderer, crop_size, folder)
        write_heard(folder, as_16_bit(clip.sound), ClipHParams())
        drawn = _drawn(renderer, truths)
        (folder / TRUTH_FILE).write_text(_truth_json(clip, drawn), encoding="utf-8")
        (folder / WORDS_FILE).write_text(transcript(clip.text), encoding="utf-8")
        _describe(clip, renderer, boxes, crop_size, folder)


def is_sound_done(root: Path, name: str) -> bool:
    """Whether the clip's sound and truth are there."""
    return (root / name / TRUTH_FILE).is_file()


def write_sound(clip: SyntheticClip, root: Path) -> None:
    """<root>/<name>/{audio.wav, mel.npy, words.txt, truth.json}: mouths that nobody drew."""
    with whole_folder(root / clip.name) as folder:
        write_heard(folder, as_16_bit(clip.sound), ClipHParams())
        (folder / WORDS_FILE).write_text(transcript(clip.text), encoding="utf-8")
        (folder / TRUTH_FILE).write_text(_truth_json(clip, {}), encoding="utf-8")


def write_filelist(root: Path, name: str, clips: Iterable[str]) -> None:
    """<root>/filelists/<name>.txt, a clip a line."""
    write_whole(root / "filelists" / f"{name}.txt", "".join(f"{clip}\n" for clip in clips))


def _encode(clip: SyntheticClip, renderer: Renderer, folder: Path) -> list[FrameTruth]:
    """Draw all frames into made.mp4, with the sound; returns what is known of each."""
    save_wav(folder / "sound.wav", as_16_bit(clip.sound), SAMPLE_RATE)
    quality = np.random.default_rng(clip.scene.seed).integers(BEST_CRF, POOREST_CRF + 1)
    writer = VideoWriter(
        folder / "made.mp4", renderer.width, renderer.height, FPS,
        sound=folder / "sound.wav", crf=int(quality), preset="veryfast",
    )  # fmt: skip
    truths = []
    with writer:
        for frame in range(clip.performance.frames):
            drawn = renderer.render(clip.performance, frame)
            writer.write(degrade_frame(drawn, clip.scene.degradation, frame))
            truths.append(renderer.truth(clip.performance, frame))
    return truths


def box_errors(clip: SyntheticClip) -> tuple[np.ndarray, float]:
    """How far off a detector's boxes would be: (frames, 4), and sideways per radian of yaw."""
    rng = np.random.default_rng((clip.scene.seed, 1))
    frames = clip.performance.frames
    points = curve_points(frames)
    wandering = np.stack([wander(points, BOX_WANDER_SECONDS, rng) for _ in range(4)], axis=1)
    errors = rng.normal(0, BOX_BIAS) + BOX_WANDER * sample_frames(wandering, frames)
    return errors, rng.uniform(0, BOX_TURN)


def _draw_crops(
    clip: SyntheticClip, renderer: Renderer, crop_size: int, folder: Path
) -> tuple[list[FrameTruth], list[Box]]:
    """Draw all crops into the folder; what is known of each frame, and what was cut out."""
    truths, boxes = [], []
    errors, per_yaw = box_errors(clip)
    for frame, error in enumerate(errors):
        truth = renderer.truth(clip.performance, frame)
        box = _detected_box(truth, error, per_yaw, renderer)
        scale = min(1.0, crop_size / max(box.width, box.height))
        size = max(1, round(box.width * scale)), max(1, round(box.height * scale))
        crop = renderer.render_crop(clip.performance, frame, tuple(map(float, box)), *size)
        crop = degrade_frame(crop, clip.scene.degradation, frame)
        write_face(folder, frame, crop)
        truths.append(truth)
        boxes.append(box)
    return truths, boxes


def _detected_box(truth: FrameTruth, error: np.ndarray, per_yaw: float, renderer: Renderer) -> Box:
    """What would have been cut out of a frame, padded and within the picture."""
    left, top, right, bottom = truth.box
    sideways = per_yaw * truth.pose[1] * np.array([1, 0, 1, 0])
    off = (error + sideways) * (right - left, bottom - top, right - left, bottom - top)
    return crop_box(np.add(truth.box, off), DEFAULT_PADS, renderer.width, renderer.height)


def _describe(
    clip: SyntheticClip, renderer: Renderer, boxes: list[Box], crop_size: int, folder: Path
):
    """clip.json as preprocess.py writes it, so that nothing after it knows the difference."""
    settings = PreprocessSettings(
        root=Path(), hp=ClipHParams(), detect_every=1, crop_size=crop_size
    )
    write_description(
        folder,
        boxes,
        fps=FPS,
        source=clip.name,
        source_fps=FPS,
        source_size=(renderer.width, renderer.height),
        settings=settings.of_a_clip() | {"detector": "truth"},
    )


def _drawn(renderer: Renderer, truths: list[FrameTruth]) -> dict:
    """What is known of the pictures of each frame, in pixels of the whole frame and in radians."""
    return {
        "size": [renderer.width, renderer.height],
        "boxes": _rounded([truth.box for truth in truths], 2),  # left, top, right, bottom
        "landmarks": _rounded([truth.landmarks for truth in truths], 2),  # 68 of (x, y)
        "pose": _rounded([truth.pose for truth in truths], 4),  # pitch, yaw, roll to the camera
    }


def _truth_json(clip: SyntheticClip, drawn: dict) -> str:
    """The truth of each frame: of what is drawn, and of what the head does."""
    performance = clip.performance
    values = {"format": TRUTH_FORMAT} | clip.record
    values |= {"fps": FPS, "frames": performance.frames} | drawn
    values |= {
        "gaze": _rounded(performance.gaze, 4),
        "tongue": _rounded(performance.tongue, 4),
        "weights": {name: _rounded(row, 4) for name, row in performance.weights.items()},
    }
    return json.dumps(values, ensure_ascii=False) + "\n"


def _rounded(values, digits: int) -> list:
    return np.round(np.asarray(values, np.float64), digits).tolist()
