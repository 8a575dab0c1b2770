"""A loss on VGG's features, for sharper faces; needs torchvision, asked for by perceptual_wt."""

import torch
from torch import nn
from torch.nn import functional as F

# After the last ReLU of the first four stages of VGG16.
STAGE_ENDS = (3, 8, 15, 22)
RGB_MEAN = (0.485, 0.456, 0.406)
RGB_DEVIATION = (0.229, 0.224, 0.225)


class PerceptualLoss(nn.Module):
    """The mean distance between the features of two sets of faces. Its weights never change."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_vgg_stages()).eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(RGB_DEVIATION).view(1, 3, 1, 1))

    def forward(self, generated: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Both (B, 3, T, H, W), BGR in [0, 1]."""
        first, second = self._normalised(generated), self._normalised(targets)
        total = torch.zeros((), device=first.device)
        for stage in self.stages:
            first, second = stage(first), stage(second)
            total = total + F.l1_loss(first.float(), second.float())
        return total / len(self.stages)

    def _normalised(self, faces: torch.Tensor) -> torch.Tensor:
        rgb = faces.transpose(1, 2).flatten(0, 1).flip(1)
        return (rgb - self.mean) / self.deviation


def _vgg_stages() -> list[nn.Module]:
    try:
        from torchvision.models import VGG16_Weights, vgg16
    except (ImportError, RuntimeError, OSError) as error:
        raise RuntimeError(
            "perceptual_wt over 0 needs torchvision, which does not load here "
            f"({error}); install it as requirements-optional.txt says, or leave perceptual_wt at 0"
        ) from error
    layers = vgg16(weights=VGG16_Weights.DEFAULT).features
    begins = (0, *(end + 1 for end in STAGE_ENDS))
    return [layers[begin : end + 1] for begin, end in zip(begins, STAGE_ENDS, strict=False)]
