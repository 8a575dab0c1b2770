"""What a lip reader makes of a video: its words, span by span, and how many of them are wrong."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

import video
from corpus.errors import ClipError
from corpus.transcripts import read_transcript
from evaluation.metrics.faces import face_boxes, read_faces
from face_detection import Detector
from models.av_hubert.mouths import mouth_pictures, mouths_of_faces
from models.av_hubert.open_reader import Reader
from models.av_hubert.search import Hypothesis, read_encoded
from models.inputs import fit_face, to_faces

FPS = Fraction(25)
SPAN = 500  # frames read at a time: AV-HuBERT's limit, and more than ours were taught on
FRAME = 160  # pixels of LRS2's frames, whose middle published readers look at
FACES_A_FRAME = 1.6  # LRS2's frames are so many times as wide as the face's box in them
LARGEST_CROP = 256  # pixels of a square video that is taken to be framed as LRS2's are


class Unreadable(ValueError):
    """A video that no lips can be read in; the message says why."""


def read_lips(
    path: str | Path, reader: Reader, detector: Detector, *, select: str = "largest", beam: int = 10
) -> list[str]:
    """The likeliest words of each span of a video. Raises Unreadable, MediaError, OSError."""
    return [
        reader.tokens.decode(found[0].tokens)
        for found in read_spans(path, reader, detector, select=select, beam=beam)
    ]


@torch.inference_mode()
def read_spans(
    path: str | Path, reader: Reader, detector: Detector, *, select: str, beam: int
) -> Iterator[list[Hypothesis]]:
    """The best readings of each span, the likeliest first."""
    device = next(reader.network.parameters()).device
    for mouths in _spans(seen_in(path, reader, detector, select)):
        encoded = reader.network.encoder(mouths=mouths[None].to(device))[0]
        yield read_encoded(reader.network, encoded, beam=beam)


def seen_in(
    path: str | Path, reader: Reader, detector: Detector, select: str
) -> Iterator[torch.Tensor]:
    """(1, 88, 88) of each frame at 25 a second, as this reader was taught to look."""
    if reader.view == "frame" and _is_framed(path):
        for frame in video.read_frames(path, FPS):
            yield mouth_pictures(_sized(frame)[None])[:, 0]
        return
    boxes = face_boxes(path, detector, FPS, select=select)
    if np.isnan(boxes).all():
        raise Unreadable(f"no face in any of {len(boxes)} frames of {path}")
    if reader.view == "frame":
        for number, frame in enumerate(video.read_frames(path, FPS)):
            place = _around(boxes[min(number, len(boxes) - 1)], boxes)
            yield mouth_pictures(_sized(_cut(frame, place))[None])[:, 0]
        return
    face = None
    for found in read_faces(path, boxes, FPS):
        face = face if found is None else fit_face(found, *reader.face)
        if face is not None:  # a frame without a face shows the one before
            yield mouths_of_faces(to_faces(face[None]))[:, 0]


def _spans(pictures: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """(1, T, 88, 88) of at most SPAN frames each."""
    waiting: list[torch.Tensor] = []
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == SPAN:
            yield torch.stack(waiting, dim=1)
            waiting = []
    if waiting:
        yield torch.stack(waiting, dim=1)


def _is_framed(path: str | Path) -> bool:
    info = video.probe(path)
    return info.width == info.height <= LARGEST_CROP


def _around(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The square about a face that frames it as LRS2 does: left, top, side in pixels."""
    known = boxes[~np.isnan(boxes[:, 0])]
    box = known[0] if np.isnan(box[0]) else box
    side = FACES_A_FRAME * np.median(known[:, 2] - known[:, 0])
    middle = (box[:2] + box[2:]) / 2
    return np.array([*(middle - side / 2), side]).round().astype(int)


def _cut(frame: np.ndarray, place: np.ndarray) -> np.ndarray:
    """That square, with the frame's edge repeated where it reaches over it."""
    left, top, side = place.tolist()
    rows = np.arange(top, top + side).clip(0, frame.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, frame.shape[1] - 1)
    return frame[rows[:, None], columns]


def _sized(frame: np.ndarray) -> torch.Tensor:
    method = cv2.INTER_AREA if len(frame) > FRAME else cv2.INTER_LINEAR
    return torch.from_numpy(cv2.resize(frame, (FRAME, FRAME), interpolation=method))


def words_of(*places: Path) -> str:
    """What is said in a video, by the first of these texts that is there. Raises Unreadable."""
    for place in places:
        if place.is_file():
            try:
                return read_transcript(place)
            except ClipError as error:
                raise Unreadable(f"{place}: {error}") from error
    raise Unreadable(f"no text beside it ({places[0]}), so that nobody knows what is said")
