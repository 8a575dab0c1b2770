"""What spoils a real picture: motion blur, focus, sensor noise, poor codecs, colour casts, grey."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Degradation:
    """One clip's defects, the same over all its frames; noise differs from frame to frame."""

    seed: int
    softness: float  # radius of the focus blur, as a fraction of the picture's height
    shrink: float  # the picture was once this much smaller; 1 = never
    noise: float  # deviation of the sensor's noise in 8-bit steps at mid grey
    chroma_noise: float
    jpeg_quality: int | None
    block_quality: int | None  # of a second, coarser loss on the once smaller picture
    cast: tuple[float, float, float]  # gains of B, G, R
    saturation: float  # 0 = grey
    contrast: float
    brightness: float

    @classmethod
    def draw(cls, seed: int | np.random.Generator) -> "Degradation":
        """Half the clips are nearly clean, the rest are degraded in several ways."""
        rng = np.random.default_rng(seed)
        poor = rng.random() < 0.5
        grey = rng.random() < 0.05
        cast = np.exp(rng.normal(0, 0.07 if poor else 0.03, 3))
        return cls(
            seed=int(rng.integers(2**62)),
            softness=float(rng.choice([0.0, rng.uniform(0.0005, 0.004)])) if poor else 0.0,
            shrink=float(rng.choice([1.0, rng.uniform(1.1, 2.2)])) if poor else 1.0,
            noise=float(rng.exponential(3.0 if poor else 1.0)),
            chroma_noise=float(rng.uniform(0, 1)),
            jpeg_quality=int(rng.integers(35, 92)) if poor else None,
            block_quality=int(rng.integers(18, 60)) if poor and rng.random() < 0.3 else None,
            cast=tuple((cast / cast.mean()).tolist()),
            saturation=0.0 if grey else float(np.clip(rng.normal(0.97, 0.16), 0.4, 1.4)),
            contrast=float(np.clip(rng.normal(1.0, 0.1), 0.7, 1.3)),
            brightness=float(rng.normal(0, 8)),
        )


def degrade(
    frames: Iterable[np.ndarray], degradation: Degradation, first_frame: int = 0
) -> Iterator[np.ndarray]:
    """Spoil frames one by one; the same frame number gives the same noise.

    frames: BGR uint8 (H, W, 3)
    """
    for frame, image in enumerate(frames, first_frame):
        yield degrade_frame(image, degradation, frame)


def degrade_frame(image: np.ndarray, look: Degradation, frame: int) -> np.ndarray:
    """One spoilt frame. BGR uint8 (H, W, 3)"""
    size = image.shape[1], image.shape[0]
    if look.softness * size[1] > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), look.softness * size[1])
    if look.shrink > 1:
        small = (max(8, round(size[0] / look.shrink)), max(8, round(size[1] / look.shrink)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    image = add_noise(grade(image, look), look, frame)
    if look.block_quality is not None:
        image = compress(image, look.block_quality)
    if look.shrink > 1:
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return compress(image, look.jpeg_quality) if look.jpeg_quality is not None else image


def motion_blur(image: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Smear a picture along a straight path. moved: right and down while the shutter is open"""
    steps = int(np.ceil(np.abs(moved).max()))
    if steps < 1:
        return image
    kernel = np.zeros((2 * steps + 1, 2 * steps + 1), np.float32)
    for along in np.linspace(-0.5, 0.5, 32 * steps):
        column, row = np.round(steps + along * moved).astype(int)
        kernel[row, column] += 1
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def grade(image: np.ndarray, look: Degradation) -> np.ndarray:
    """Colour cast, saturation, contrast and brightness. BGR uint8 -> BGR uint8"""
    grey_share = (1 - look.saturation) * np.array([0.114, 0.587, 0.299])
    matrix = np.eye(3) * look.saturation + np.ones((3, 1)) * grey_share
    if look.saturation > 0:
        matrix = np.diag(look.cast) @ matrix
    offset = 128 * (1 - look.contrast) + look.brightness
    affine = np.column_stack([matrix * look.contrast, np.full(3, offset)])
    return cv2.transform(image, affine.astype(np.float32))


def add_noise(image: np.ndarray, look: Degradation, frame: int) -> np.ndarray:
    """Sensor noise, stronger in the light by its root, a little correlated.

    BGR uint8 -> BGR uint8
    """
    if look.noise < 0.3:
        return image
    rng = np.random.default_rng((look.seed, frame))
    shape = image.shape[:2]
    noise = rng.standard_normal((*shape, 1), np.float32)
    if look.saturation > 0:
        noise = noise + look.chroma_noise * rng.standard_normal((*shape, 3), np.float32)
    strength = look.noise * (0.55 + 0.45 * image.astype(np.float32) / 128)
    return np.clip(image + noise * strength + 0.5, 0, 255).astype(np.uint8)


def compress(image: np.ndarray, quality: int) -> np.ndarray:
    """There and back through JPEG, with halved colour."""
    sampling = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    return cv2.imdecode(cv2.imencode(".jpg", image, sampling)[1], cv2.IMREAD_COLOR)
