"""Still pictures and folders of them, read without ffmpeg: OpenCV honours their EXIF turn."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from video.info import MediaError, MediaInfo

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)


# How a still begins, of the kinds that OpenCV reads; a GIF is a video. cv2.haveImageReader would
# know them too, but it ends the program at a file name that is not UTF-8.
SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG|BM|RIFF....WEBP|II\*\0|MM\0\*|P[1-7]\s|\0\0\0\x0cjP  |#\?RADIANCE",
    re.DOTALL,
)
FILM_SUFFIXES = (".mjpeg", ".mjpg")  # JPEG after JPEG; some stills have another one attached, too


def is_picture(path: Path) -> bool:
    """Whether the file is one still picture, by its content; a GIF counts as a video."""
    if path.suffix.lower() in FILM_SUFFIXES:
        return False
    with open(path, "rb") as file:
        return SIGNATURES.match(file.read(12)) is not None


def read_image(path: str | Path) -> np.ndarray:
    """A still picture as BGR uint8 (H, W, 3), turned as its EXIF tag says. Raises MediaError."""
    return _decode(path, cv2.IMREAD_COLOR)


def _decode(path: str | Path, flags: int) -> np.ndarray:
    data = np.fromfile(path, np.uint8)
    if not data.size:
        raise MediaError(f"{path} is empty (0 bytes)")
    try:
        image = cv2.imdecode(data, flags)
    except cv2.error as error:  # over 2**30 pixels, no memory for them, a kind that is switched off
        raise MediaError(f"{path} cannot be decoded as a picture: {error.err}") from error
    if image is None:
        raise MediaError(f"{path} cannot be decoded as a picture; it may be damaged")
    return image


def probe_image(path: Path) -> MediaInfo:
    """The size of one picture, and whether it has transparent parts."""
    height, width = read_image(path).shape[:2]
    whole = _decode(path, cv2.IMREAD_UNCHANGED)
    alpha = whole.ndim == 3 and whole.shape[2] == 4
    return MediaInfo(path, "image", width, height, pix_fmt="bgra" if alpha else "bgr24")


def probe_folder(path: Path) -> MediaInfo:
    """The size of a folder's first picture; MediaError when there is none."""
    files = files_in_order(path)
    if not files:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise MediaError(f"no pictures ({kinds}) in the folder {path}")
    height, width = read_image(files[0]).shape[:2]
    return MediaInfo(path, "folder", width, height)


def files_in_order(folder: Path) -> list[Path]:
    """The pictures of a folder, 2.jpg before 10.jpg; hidden files are left out."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
    return sorted((file for file in files if not file.name.startswith(".")), key=_natural_key)


def read_images(files: Iterable[Path], info: MediaInfo, height: int | None) -> Iterator[np.ndarray]:
    """Yield the pictures, shrunk to `height` lines; MediaError when their sizes differ."""
    shown, wanted = (info.width, info.height), info.shrunk(height)
    for file in files:
        image = read_image(file)
        size = (image.shape[1], image.shape[0])
        if size != shown:
            raise MediaError(
                f"{file} is {size[0]}x{size[1]}, the frames before it {shown[0]}x{shown[1]}: "
                "all frames of a folder must have one size"
            )
        yield image if wanted == shown else cv2.resize(image, wanted, interpolation=cv2.INTER_AREA)


def _natural_key(file: Path) -> list[tuple[int, str]]:
    pieces = re.split(r"(\d+)", file.name)
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]
