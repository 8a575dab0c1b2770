"""A camera's pictures in a live session: their face is found as they come."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from face_detection import Box
from face_detection.search import DETECT_EVERY, WORK_SIZE
from lipsync.faces import crop_or_none
from lipsync.pipeline import LipSync
from lipsync.plan import noted
from lipsync.settings import Settings
from models.generator import Place, Video, Watched

KEPT_SECONDS = 2  # of pictures, over which the face's way is smoothed
LOST_LOOKS = 4  # for the face without finding it, after which it is gone
SURE = 0.5  # a detector's score from which on a face is believed


@dataclass(frozen=True)
class Camera:
    """Pictures that will come by LiveSession.show, of one size."""

    width: int
    height: int
    fps: int = 25  # of the frames that are made; pictures may come at any pace


@dataclass(frozen=True, eq=False)
class _Picture:
    number: int
    seconds: Fraction  # of sound that had come with it
    image: np.ndarray
    box: Box | None  # of its face


class CameraStage:
    """Shows each picture with the sound that came with it; looks at it when it comes.

    A frame waits for the sound that it hears ahead, so that a few later pictures are known by
    then, over which the face's place is smoothed.
    """

    def __init__(self, camera: Camera, settings: Settings, maker: LipSync) -> None:
        self.fps, self.size = Fraction(camera.fps), (camera.width, camera.height)
        self._settings, self._maker = settings, maker
        self._options = maker.backend.generator.chosen(settings.options)
        self._kept = KEPT_SECONDS * camera.fps
        self._pictures: deque[_Picture] = deque(maxlen=self._kept)
        self._number = self._misses = 0
        self._box: Box | None = None
        self._settled: tuple[int, Watched | None] = -1, None
        self._begin_watching()

    def show(self, image: np.ndarray, seconds: Fraction) -> None:
        """The newest picture. Raises ValueError for another size."""
        if image.shape != (*self.size[::-1], 3) or image.dtype != np.uint8:
            raise ValueError(
                f"a picture is {image.dtype} {image.shape}, the camera's are "
                f"{self.size[0]}x{self.size[1]}, uint8, three colours"
            )
        if self._number % DETECT_EVERY == 0:
            self._find(image)
        if self._watcher is not None and self._box is not None:
            at = self._number - self._base
            self._maker.backend.watch(self._watcher, [at], [image], [self._box])
            self._watched.append(self._number)
            if at >= 2 * self._kept:
                self._watcher.forget(at - self._kept)
                self._base += at - self._kept
        self._pictures.append(_Picture(self._number, seconds, image, self._box))
        self._number += 1

    def at(self, frame: int) -> tuple[np.ndarray, list[Place]]:
        """See Stage.at. Raises ValueError where no picture has come yet."""
        if not self._pictures:
            raise ValueError("no picture of the camera has come yet: LiveSession.show(picture)")
        middle = (frame + Fraction(1, 2)) / self.fps
        while len(self._pictures) > 1 and self._pictures[1].seconds <= middle:
            self._pictures.popleft()
        picture = self._pictures[0]
        return picture.image.copy(), self._places(picture)

    def close(self) -> None:
        self._pictures.clear()

    def _places(self, picture: _Picture) -> list[Place]:
        if picture.box is None:
            return []
        place = Place(picture.box, blend=self._settings.blend, options=self._options)
        if self._watcher is None:
            return [place]
        watched = self._settle(picture.number)
        if watched is None:
            return []
        place = noted(place, watched, picture.number - self._base)
        return [place] if place.strength > 0 else []

    def _settle(self, number: int) -> Watched | None:
        """What is known by now; None where the watcher has not seen the face of a picture."""
        if number not in self._watched:
            return None
        if self._settled[0] != self._number:
            self._settled = self._number, self._watcher.settle()
        return self._settled[1]

    def _find(self, image: np.ndarray) -> None:
        shrink = max(1.0, min(self.size) / WORK_SIZE)
        small = (round(self.size[0] / shrink), round(self.size[1] / shrink))
        shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        found = self._maker.detector().detect([shrunk])
        faces = [face for face in found[0] if face[4] >= SURE]
        if faces:
            largest = max(faces, key=lambda face: (face[2] - face[0]) * (face[3] - face[1]))
            self._box = crop_or_none(largest[:4] * shrink, self._settings.pads, *self.size)
            self._misses = 0
            return
        self._misses += 1
        if self._misses >= LOST_LOOKS and self._box is not None:
            self._box = None
            self._begin_watching()

    def _begin_watching(self) -> None:
        video = Video(self._kept, self.fps, self.size, (), self._options)
        self._watcher = self._maker.backend.generator.watch(video)
        self._watched: deque[int] = deque(maxlen=2 * self._kept)
        self._base = self._number
