"""One picture that shows what a run would do at one second: place, mask, crop, result."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from atomic import whole_or_absent
from lipsync.backends.torch_backend import TorchBackend
from lipsync.paste import paste
from lipsync.plan import Plan
from models.generator import Generator, Patch, Place
from video import MediaError

GREEN, RED = (80, 220, 80), (60, 60, 235)
CAPTION_HEIGHT = 28
SMALL_FACE = 192  # pixels that the small pictures of a face are high
SMALLEST_PANEL = 360  # smaller frames are shown enlarged


def draw_preview(plan: Plan, backend: TorchBackend, second: float) -> np.ndarray:
    """The frame with place and mask beside the result; below, what the method shows of each face.

    Raises ValueError where there is no such second, or no face at it.
    """
    number = round(second * plan.source.fps)
    if number < 0:
        raise ValueError(f"there is no second {second} in a video")
    shown = 0 if plan.source.static else number
    frame = next(plan.source.frames(shown, shown + 1))
    places = [replace(place, strength=1.0) for place in plan.places_at(shown)]
    if not places:
        raise ValueError(
            f"{plan.source.info.path}: no face at {second} s, so nothing to preview; "
            "try another second, or give the face's place with --box TOP BOTTOM LEFT RIGHT"
        )
    marked, result, small = _make(plan, backend, number, frame, places)
    large = [_captioned(_enlarge_frame(marked), "place (green) and mask (red)")]
    large.append(_captioned(_enlarge_frame(result), f"result at {second} s"))
    return stack_pictures([_beside(large), _beside(small)])


def _make(
    plan: Plan, backend: TorchBackend, number: int, frame: np.ndarray, places: list[Place]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The frame with its marks, the result, and small pictures of each face."""
    generator = backend.generator
    inputs = [generator.feed(frame, place, plan.heard(number, place)) for place in places]
    marked, result, small = frame.copy(), frame.copy(), []
    for place, fed, made in zip(places, inputs, backend.generate(inputs), strict=True):
        patch = generator.patch(result, place, made)
        if patch is not None:
            paste(result, patch)
        _mark(marked, generator, place, patch)
        shown = generator.show(fed, made) | {"pasted": generator.view(result, place)}
        small += [_captioned(_enlarged(image), name) for name, image in shown.items()]
    return marked, result, small


def write_preview(path: str | Path, image: np.ndarray) -> None:
    """Write a PNG, whole or not at all."""
    data = cv2.imencode(".png", image)[1].tobytes()
    try:
        with whole_or_absent(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise MediaError(f"cannot write {path}: {error.strerror}") from error


def _mark(marked: np.ndarray, generator: Generator, place: Place, patch: Patch | None) -> None:
    if patch is not None:
        height, width = patch.pixels.shape[:2]
        region = marked[patch.top : patch.top + height, patch.left : patch.left + width]
        weights = np.ones((height, width)) if patch.weights is None else patch.weights
        tint = 0.5 * weights[..., None]
        region[:] = (region * (1 - tint) + np.array(RED) * tint).astype(np.uint8)
    cv2.polylines(marked, [np.round(generator.outline(place)).astype(np.int32)], True, GREEN, 1)


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
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
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
