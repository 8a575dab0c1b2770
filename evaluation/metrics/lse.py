"""LSE-D, LSE-C and the offset: the lip-sync errors of Chung and Zisserman's SyncNet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.ndimage import median_filter

import video
from audio import load_wav
from face_detection.boxes import intersection_over_union
from features.filterbank import STEPS_PER_SECOND
from features.mfcc import mfcc
from models.checkpoint import load
from models.pretrained import check_hash, published_path
from models.syncnet_v2 import SyncNetV2
from synchrony.shifts import (
    SHIFTS,
    WINDOW_FRAMES,
    SoundWindows,
    runs_of_faces,
    scores_by_shift,
)
from video.jpeg import through_jpeg

FPS = 25
SAMPLE_RATE = 16000  # Hz
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
STEPS_PER_FRAME = STEPS_PER_SECOND // FPS
WINDOW_STEPS = WINDOW_FRAMES * STEPS_PER_FRAME
SIZE = 224  # px, the side of the square that the network sees
WINDOWS_AT_ONCE = 16

# The crop of the original's pipeline for videos that are not crops already.
CROP_SCALE = 0.4  # of half the face's longer side, added on each side, twice that below
MEDIAN_FRAMES = 13
OUTSIDE_GREY = 110  # what is shown where a crop reaches over the edge
SAME_FACE_OVERLAP = 0.5  # from frame to frame; below it, another face begins
SHORTEST_SPAN = 25  # frames, where the original wants 100: a clip of three seconds has a score too
LARGEST_CROP = 256  # px: a square video up to this side is taken for a crop


@dataclass(frozen=True)
class LipSyncError:
    """Mean distance of pictures to sound at each of SHIFTS, and what is read off it."""

    distances: np.ndarray  # (31,)
    windows: int

    @property
    def lse_d(self) -> float:
        """The smallest mean distance: lower is better. Real video is at about 6 to 7."""
        return float(self.distances.min())

    @property
    def lse_c(self) -> float:
        """The median less the smallest: higher is better. Real video is at about 7 to 8."""
        return float(np.median(self.distances) - self.distances.min())

    @property
    def offset(self) -> int:
        """Frames by which the sound comes early."""
        return -SHIFTS[int(self.distances.argmin())]


def load_syncnet_v2(
    path: str | Path | None = None, device: str | torch.device = "cpu"
) -> SyncNetV2:
    """The published network; AbsentError with the way to get it where the file is not there."""
    found = published_path("syncnet_v2", path)
    if path is None:
        check_hash(found, "syncnet_v2")
    return load(found, "syncnet_v2", device)


def measure_lse(
    path: str | Path,
    sound: str | Path,
    network: SyncNetV2,
    boxes: np.ndarray | None = None,
    *,
    shortest: int = SHORTEST_SPAN,
) -> LipSyncError | None:
    """The error of a video with a sound that begins when it does; None where nothing is scored.

    boxes: the face at 25 frames per second, unsmoothed, (frames, 4), NaN where there is none.
    None for a video that is a face's crop already, as LRS2's are: its frames are scored whole.
    Each span of `shortest` frames or more with one face is scored by itself, as the original
    does, and the distances averaged over all windows.
    Raises video.MediaError where there are no pictures or no sound.
    """
    wav = np.round(load_wav(sound, SAMPLE_RATE) * 32768)
    if boxes is None:
        count = sum(1 for _ in video.read_frames(path, FPS, height=16))
        crops = (cv2.resize(frame, (SIZE, SIZE)) for frame in video.read_frames(path, FPS))
        return lse_of_crops(crops, count, wav, network)
    frames = enumerate(video.read_frames(path, FPS))
    spans = []
    for begin, end in spans_of_one_face(boxes):
        if end - begin >= shortest:
            shown = (frame for number, frame in frames if number >= begin)
            crops = map(cut_square, shown, squares(boxes[begin:end]))
            heard = wav[begin * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
            spans.append(lse_of_crops(crops, end - begin, heard, network))
    return pool([span for span in spans if span])


def is_crop(path: str | Path) -> bool:
    """Whether a video looks like the square crops of a face that LRS2 consists of."""
    info = video.probe(path)
    return info.width == info.height <= LARGEST_CROP


def lse_of_crops(
    crops: Iterable[np.ndarray], frame_count: int, wav: np.ndarray, network: SyncNetV2
) -> LipSyncError | None:
    """The error of 224x224 crops at 25 frames per second with sound in 16-bit levels at 16 kHz."""
    count = min(frame_count, len(wav) // SAMPLES_PER_FRAME) - WINDOW_FRAMES
    if count < 1:
        return None
    steps = torch.from_numpy(mfcc(wav, SAMPLE_RATE))
    device = next(network.parameters()).device

    @torch.inference_mode()
    def embed_sound(frames: range) -> torch.Tensor:
        starts = [frame * STEPS_PER_FRAME for frame in frames]
        windows = torch.stack([steps[start : start + WINDOW_STEPS].T for start in starts])
        return network.forward_aud(windows[:, None].to(device))

    seen = through_jpeg(islice(crops, count + WINDOW_FRAMES - 1), SIZE, SIZE)
    runs = runs_of_faces(seen, WINDOWS_AT_ONCE)
    pieces = ((first, _embed_pictures(run, network, device)) for first, run in runs)
    _, scores = scores_by_shift(pieces, SoundWindows(embed_sound, count, outside=0.0), _distance)
    return LipSyncError(scores.mean(axis=0), len(scores)) if len(scores) else None


def pool(spans: list[LipSyncError]) -> LipSyncError | None:
    """Several spans of one video as one: each window counts alike."""
    if not spans:
        return None
    windows = [span.windows for span in spans]
    distances = np.average([span.distances for span in spans], axis=0, weights=windows)
    return LipSyncError(distances, sum(windows))


def spans_of_one_face(boxes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Half-open spans of frames through which the box is there and does not jump."""
    begin = 0
    for frame in range(len(boxes) + 1):
        here = frame < len(boxes) and not np.isnan(boxes[frame, 0])
        if here and frame > begin:
            before, now = boxes[frame - 1 : frame], boxes[frame : frame + 1]
            here = intersection_over_union(before, now)[0, 0] >= SAME_FACE_OVERLAP
        if not here:
            if frame > begin:
                yield begin, frame
            at_a_jump = frame < len(boxes) and not np.isnan(boxes[frame, 0])
            begin = frame if at_a_jump else frame + 1


def squares(boxes: np.ndarray) -> np.ndarray:
    """Centre column, centre row and half side of each box's crop, steadied: (frames, 3)."""
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / 2
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    measures = np.column_stack([centres, half])
    return median_filter(measures, size=(MEDIAN_FRAMES, 1), mode="nearest")


def cut_square(frame: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The crop that SyncNet is shown: the face's box with more on each side, and most below."""
    column, row, half = square
    margin = half * (1 + CROP_SCALE)
    top, bottom = row - half, row + half * (1 + 2 * CROP_SCALE)
    edge = int(np.ceil(2 * margin))
    padded = cv2.copyMakeBorder(
        frame, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(OUTSIDE_GREY,) * 3
    )
    rows = slice(int(top) + edge, int(bottom) + edge)
    columns = slice(int(column - margin) + edge, int(column + margin) + edge)
    return cv2.resize(padded[rows, columns], (SIZE, SIZE))


@torch.inference_mode()
def _embed_pictures(crops: list[np.ndarray], network: SyncNetV2, device) -> torch.Tensor:
    images = torch.from_numpy(np.stack(crops)).to(device).float()
    return network.forward_lip(images.unfold(0, WINDOW_FRAMES, 1).movedim(3, 1).movedim(-1, 2))


def _distance(pictures: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
    return (pictures - sounds).norm(dim=1)
