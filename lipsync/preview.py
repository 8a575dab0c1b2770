"""One picture that shows what a run would do at one second: box, mask, crop, result."""

from pathlib import Path

import cv2
import numpy as np

from atomic import whole_or_absent
from face_detection import Box
from lipsync.generator import Generator
from lipsync.paste import cut_face, face_mask, paste_face
from lipsync.pipeline import Plan
from video import MediaError

GREEN, RED = (80, 220, 80), (60, 60, 235)
CAPTION_HEIGHT = 28
SMALL_FACE = 192  # pixels that the small pictures of a face are high
SMALLEST_PANEL = 360  # smaller frames are shown enlarged


def draw_preview(plan: Plan, generator: Generator, second: float) -> np.ndarray:
    """The frame with box and mask beside the result; below, what goes in and what comes out.

    Raises ValueError where there is no such second, or no face at it.
    """
    number = round(second * plan.source.fps)
    if number < 0:
        raise ValueError(f"there is no second {second} in a video")
    shown = 0 if plan.source.static else number
    frame = next(plan.source.frames(shown, shown + 1))
    boxes = plan.faces.at(shown)
    if not boxes:
        raise ValueError(
            f"{plan.source.info.path}: no face at {second} s, so nothing to preview; "
            "try another second, or give the face's place with --box TOP BOTTOM LEFT RIGHT"
        )
    result = frame.copy()
    window = plan.speech.window(number)
    small = []
    for box in boxes:
        face = cut_face(frame, box, generator.width, generator.height)
        made = generator.generate(window[None], face[None])[0]
        paste_face(result, made, box, blend=plan.settings.blend)
        pasted = cut_face(result, box, *_shown_size(box))
        small += [_captioned(_enlarged(face), "fed"), _captioned(_enlarged(made), "generated")]
        small.append(_captioned(pasted, "pasted"))
    marked = _mark(frame, boxes, plan.settings.blend)
    large = [_captioned(_enlarge_frame(marked), "box (green) and mask (red)")]
    large.append(_captioned(_enlarge_frame(result), f"result at {second} s"))
    return stack_pictures([_beside(large), _beside(small)])


def write_preview(path: str | Path, image: np.ndarray) -> None:
    """Write a PNG, whole or not at all."""
    data = cv2.imencode(".png", image)[1].tobytes()
    try:
        with whole_or_absent(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise MediaError(f"cannot write {path}: {error.strerror}") from error


def _mark(frame: np.ndarray, boxes: list[Box], blend: str) -> np.ndarray:
    marked = frame.copy()
    for box in boxes:
        region = marked[box.top : box.bottom, box.left : box.right]
        tint = 0.5 * face_mask(box.width, box.height, blend)[..., None]
        region[:] = (region * (1 - tint) + np.array(RED) * tint).astype(np.uint8)
        cv2.rectangle(marked, (box.left, box.top), (box.right - 1, box.bottom - 1), GREEN, 1)
    return marked


def _shown_size(box: Box) -> tuple[int, int]:
    return max(1, round(SMALL_FACE * box.width / box.height)), SMALL_FACE


def _enlarged(face: np.ndarray) -> np.ndarray:
    width = max(1, round(SMALL_FACE * face.shape[1] / face.shape[0]))
    return cv2.resize(face, (width, SMALL_FACE), interpolation=cv2.INTER_CUBIC)


def _enlarge_frame(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if height >= SMALLEST_PANEL:
        return image
    size = (round(width * SMALLEST_PANEL / height), SMALLEST_PANEL)
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)


def _captioned(image: np.ndarray, text: str) -> np.ndarray:
    caption = np.zeros((CAPTION_HEIGHT, image.shape[1], 3), np.uint8)
    cv2.putText(caption, text, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    return np.vstack([caption, image])


def _beside(images: list[np.ndarray]) -> np.ndarray:
    height = max(image.shape[0] for image in images)
    return np.hstack([_grown(image, height, image.shape[1] + 6) for image in images])


def stack_pictures(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of different widths below each other, with a narrow gap."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([_grown(row, row.shape[0] + 6, width) for row in rows])


def _grown(image: np.ndarray, height: int, width: int) -> np.ndarray:
    below, right = height - image.shape[0], width - image.shape[1]
    return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
