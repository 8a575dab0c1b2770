"""What the networks are fed: scale, colour order, mask, stacking; for training and inference alike.

Faces are BGR, as OpenCV reads them and as the published weights expect, in [0, 1].
"""

import cv2
import numpy as np
import torch


def lower_half_rows(height: int) -> int:
    """Rows of the half of a face that the generator must invent and the expert sees."""
    return height - height // 2


def fit_face(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A face as large as the networks take it, (height, width, 3), from any size of crop."""
    if image.shape[:2] == (height, width):
        return image
    much_larger = image.shape[0] > 2 * height or image.shape[1] > 2 * width
    method = cv2.INTER_AREA if much_larger else cv2.INTER_LINEAR  # linear would skip pixels
    return cv2.resize(image, (width, height), interpolation=method)


def to_faces(images: np.ndarray | torch.Tensor) -> torch.Tensor:
    """(..., H, W, 3) uint8 -> (..., 3, H, W) float32 in [0, 1], on the images' device."""
    return torch.as_tensor(images).movedim(-1, -3).to(torch.float32) / 255


def to_levels(faces: torch.Tensor) -> torch.Tensor:
    """(..., 3, H, W) in [0, 1] -> (..., H, W, 3) uint8, rounded to the nearest level."""
    levels = (faces.detach().float() * 255).round().clamp(0, 255).to(torch.uint8)
    return levels.movedim(-3, -1)


def to_images(faces: torch.Tensor) -> np.ndarray:
    """The same as an array."""
    return np.ascontiguousarray(to_levels(faces).cpu().numpy())


def lower_half(faces: torch.Tensor) -> torch.Tensor:
    """(..., H, W) -> (..., rows from the middle down, W)."""
    return faces[..., faces.shape[-2] // 2 :, :]


def mask_lower_half(faces: torch.Tensor) -> torch.Tensor:
    """A copy with the half that is to be invented set to 0."""
    masked = faces.clone()
    lower_half(masked).zero_()
    return masked


def generator_input(
    targets: torch.Tensor, references: torch.Tensor, *, reference_first: bool = False
) -> torch.Tensor:
    """Frames to be spoken, masked, and the references, whole, joined on channels.

    Both (B, 3, H, W) -> (B, 6, H, W), or both (B, 3, T, H, W) -> (B, 6, T, H, W).
    """
    joined = (mask_lower_half(targets), references)
    return torch.cat(joined[::-1] if reference_first else joined, dim=1)


def lip_window(faces: torch.Tensor) -> torch.Tensor:
    """(B, 3, T, H, W) -> (B, 3 T, H / 2, W): lower halves, frame after frame, for the expert."""
    return lower_half(faces).transpose(1, 2).flatten(1, 2)
