"""What a lip reader sees: the grey middle of frames, also of frames with generated faces in them.

AV-HuBERT's readers (Shi et al., ICLR 2022) were trained on aligned mouths, TalkLip's expert and
first observer (Wang et al., CVPR 2023) on the middle of LRS2's frames, 160x160, as they are; ours
on the lower half of crops of faces, which needs no landmarks and is what a generator makes.
"""

import torch
from torch.nn import functional as F

SIDE = 88  # pixels
MEAN, DEVIATION = 0.421, 0.165  # of a picture in [0, 1]
BGR_TO_GREY = (0.114, 0.587, 0.299)
VIEWS = ("face", "frame")  # what a reader was taught on: crops of faces, or the middle of frames
# The part of a face's crop that shows the mouth, as shares of it: the lower half without its edges,
# which is in what a generator invents.
WINDOW = (0.5, 1.0, 0.125, 0.875)  # top, bottom, left, right


def mouth_pictures(frames: torch.Tensor) -> torch.Tensor:
    """(T, H, W, 3) BGR levels, 0 to 255, of frames or of mouth crops -> (1, T, 88, 88)."""
    height, width = frames.shape[1:3]
    if min(height, width) < SIDE:
        raise ValueError(
            f"a lip reader needs frames of {SIDE}x{SIDE} or more, not {height}x{width}"
        )
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    middle = frames[:, top : top + SIDE, left : left + SIDE].float()
    return normalised(middle @ middle.new_tensor(BGR_TO_GREY))[None]


def normalised(levels: torch.Tensor) -> torch.Tensor:
    """Grey levels, 0 to 255, as the networks take them."""
    return (levels.float() / 255 - MEAN) / DEVIATION


def raw_levels(pictures: torch.Tensor) -> torch.Tensor:
    """The reverse, rounded: uint8."""
    return ((pictures * DEVIATION + MEAN) * 255).round().clamp(0, 255).to(torch.uint8)


def mouth_levels(faces: torch.Tensor, window: tuple[float, ...] = WINDOW) -> torch.Tensor:
    """(T, 3, H, W) BGR in [0, 1], crops as preprocess.py makes them -> (T, 88, 88), 0 to 255.

    Gradients reach the faces.
    """
    height, width = faces.shape[-2:]
    top, bottom = (round(share * height) for share in window[:2])
    left, right = (round(share * width) for share in window[2:])
    mouth = faces[..., top:bottom, left:right].float()
    grey = torch.einsum("tchw,c->thw", mouth, mouth.new_tensor(BGR_TO_GREY))
    sized = F.interpolate(
        grey[:, None], size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
    )
    return 255 * sized[:, 0]


def mouths_of_faces(faces: torch.Tensor) -> torch.Tensor:
    """What a reader of the view "face" sees: (T, 3, H, W) in [0, 1] -> (1, T, 88, 88)."""
    return normalised(mouth_levels(faces))[None]


def paste_levels(levels: torch.Tensor, faces: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Grey middles of frames (N, 88, 88), 0 to 255, with faces (N, 3, h, w) in [0, 1] in places.

    places: (N, 4) left, top, right, bottom from the middle's corner, of boxes that lie in the
    frame; they may reach over the middle. What mouth_pictures sees of paste_faces's frames.
    """
    pasted = []
    for old, face, (left, top, right, bottom) in zip(levels, faces, places.tolist(), strict=True):
        if right <= 0 or bottom <= 0 or left >= SIDE or top >= SIDE:  # nothing of it is seen
            pasted.append(old.float())
            continue
        new = F.interpolate(
            face[None].float(), (bottom - top, right - left), mode="bilinear", align_corners=False
        )[0]
        grey = 255 * torch.einsum("chw,c->hw", new, new.new_tensor(BGR_TO_GREY))
        # Pads below 0 cut off what lies outside of the middle.
        around = (left, SIDE - right, top, SIDE - bottom)
        is_new = F.pad(torch.ones_like(grey), around)
        pasted.append(torch.where(is_new > 0, F.pad(grey, around), old.float()))
    return torch.stack(pasted)


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
