"""What a lip reader sees: the grey middle of frames, also of frames with generated faces in them.

AV-HuBERT's readers (Shi et al., ICLR 2022) were trained on aligned mouths, TalkLip's expert and
first observer (Wang et al., CVPR 2023) on the middle of LRS2's frames, 160x160, as they are.
"""

import torch
from torch.nn import functional as F

SIDE = 88  # pixels
MEAN, DEVIATION = 0.421, 0.165  # of a picture in [0, 1]
BGR_TO_GREY = (0.114, 0.587, 0.299)


def mouth_pictures(frames: torch.Tensor) -> torch.Tensor:
    """(T, H, W, 3) BGR levels, 0 to 255, of frames or of mouth crops -> (1, T, 88, 88)."""
    height, width = frames.shape[1:3]
    if min(height, width) < SIDE:
        raise ValueError(
            f"a lip reader needs frames of {SIDE}x{SIDE} or more, not {height}x{width}"
        )
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    middle = frames[:, top : top + SIDE, left : left + SIDE].float()
    grey = middle @ middle.new_tensor(BGR_TO_GREY)
    return ((grey / 255 - MEAN) / DEVIATION)[None]


def paste_faces(
    frames: torch.Tensor, faces: torch.Tensor, numbers: torch.Tensor, boxes: torch.Tensor
) -> torch.Tensor:
    """Frames (T, H, W, 3) BGR levels with faces (N, 3, h, w) in [0, 1] over boxes of some of them.

    numbers: (N,) of the frames; boxes: (N, 4) left, top, right, bottom, cut off at the frame's
    edges. Levels are floats and not rounded, so that gradients reach the faces.
    """
    height, width = frames.shape[1:3]
    frames = list(frames.float())
    for face, number, box in zip(faces, numbers.tolist(), boxes.tolist(), strict=True):
        left, top = max(0, box[0]), max(0, box[1])
        right, bottom = min(width, box[2]), min(height, box[3])
        size = (bottom - top, right - left)
        new = F.interpolate(face[None] * 255, size=size, mode="bilinear", align_corners=False)
        pasted = frames[number].clone()
        pasted[top:bottom, left:right] = new[0].permute(1, 2, 0)
        frames[number] = pasted
    return torch.stack(frames)
