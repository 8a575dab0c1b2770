"""Changes of a window's pictures: the same for all its frames, so that only the mouth moves."""

from dataclasses import dataclass

import cv2
import numpy as np

MARGIN = 8  # rows: shift, blur and a JPEG's blocks reach no farther


@dataclass(frozen=True)
class Augmentation:
    """What happens to one window; each kind of change is drawn by itself."""

    mirror: bool
    levels: np.ndarray | None  # (3, 256) uint8: a table for each colour, in BGR order
    grey: bool
    blur: float  # pixels, 0 = none
    quality: int  # of a JPEG, 100 = not compressed
    noise: float  # grey levels
    shift: tuple[float, float]  # pixels right and down
    patch: tuple[float, ...] | None  # centre, half sizes (shares of the face), grey level

    @classmethod
    def draw(cls, random: np.random.Generator, chance: float) -> "Augmentation":
        """Each kind with this chance, its strength even over a range; mirrors half of the time."""

        def happens() -> bool:
            return random.random() < chance

        return cls(
            mirror=random.random() < (0.5 if chance else 0),
            levels=_levels(random) if happens() else None,
            grey=random.random() < chance / 3,
            blur=random.uniform(0.3, 1.2) if happens() else 0.0,
            quality=int(random.integers(30, 90)) if happens() else 100,
            noise=random.uniform(1, 8) if happens() else 0.0,
            shift=tuple(random.uniform(-3, 3, 2)) if happens() else (0.0, 0.0),
            patch=_patch(random) if happens() else None,
        )

    def photometric(self, faces: np.ndarray) -> np.ndarray:
        """Mirror, colours and grey: what a generator may learn to repeat. (n, H, W, 3) uint8"""
        if self.mirror:
            faces = faces[:, :, ::-1]
        if self.levels is not None:
            faces = np.stack([table[faces[..., c]] for c, table in enumerate(self.levels)], -1)
        if self.grey:
            grey = [cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_BGR2GRAY) for f in faces]
            faces = np.repeat(np.stack(grey)[..., None], 3, axis=-1)
        return np.ascontiguousarray(faces)

    def moved(self, faces: np.ndarray) -> np.ndarray:
        """All faces as far as each other; what comes in at an edge repeats it."""
        return np.stack([self._move(face) for face in faces]) if any(self.shift) else faces

    def everything(self, faces: np.ndarray, random: np.random.Generator, first_row: int = 0):
        """All changes: for the expert, which must trust nothing but the mouth's movement.

        The rows above `first_row` are left out, but for a margin that the changes look into.
        """
        top = max(0, first_row - MARGIN)
        faces = self.photometric(faces[:, top:])
        faces = self.occlude(np.stack([self._degrade(face) for face in faces]), top)
        faces = faces[:, first_row - top :]
        if self.noise:
            grain = random.standard_normal(faces.shape, np.float32) * np.float32(self.noise)
            faces = np.clip(faces + grain, 0, 255).astype(np.uint8)
        return faces

    def occlude(self, faces: np.ndarray, top: int = 0) -> np.ndarray:
        """An ellipse of one grey over a part of every face, of which `top` rows are left out."""
        if self.patch is None:
            return faces
        height, width = faces.shape[1] + top, faces.shape[2]
        x, y, half_width, half_height, level = self.patch
        centre = (round(x * width), round(y * height) - top)
        axes = (max(1, round(half_width * width)), max(1, round(half_height * height)))
        faces = faces.copy()
        for face in faces:
            cv2.ellipse(face, centre, axes, 0, 0, 360, (int(level),) * 3, -1)
        return faces

    def _move(self, face: np.ndarray) -> np.ndarray:
        move = np.float32([[1, 0, self.shift[0]], [0, 1, self.shift[1]]])
        return cv2.warpAffine(face, move, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)

    def _degrade(self, face: np.ndarray) -> np.ndarray:
        if any(self.shift):
            face = self._move(face)
        if self.blur:
            face = cv2.GaussianBlur(face, (0, 0), self.blur)
        if self.quality < 100:
            code = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            face = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return face


def _levels(random: np.random.Generator) -> np.ndarray:
    """Gamma and brightness for all colours, a tint for each."""
    level = np.arange(256) / 255
    gains = random.uniform(0.8, 1.2) * random.uniform(0.92, 1.08, (3, 1))
    curve = gains * level ** random.uniform(0.7, 1.4) + random.uniform(-0.08, 0.08)
    return np.clip(255 * curve, 0, 255).astype(np.uint8)


def _patch(random: np.random.Generator) -> tuple[float, ...]:
    x, y = random.uniform(0, 1), random.uniform(0.5, 1)
    half_width, half_height = random.uniform(0.05, 0.2, 2)
    return x, y, half_width, half_height, random.integers(256)
