"""DAVS's judges: is a face real, does its mouth go with the sound; is a code from lips or sound?

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019).
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.blocks import scaled

LEAK = 0.2
CODE = 256
SIZE = 256  # pixels of a face as its maps are laid out; smaller ones are enlarged
MOUTH_ROWS, MOUTH_COLUMNS = slice(19, 28), slice(11, 20)  # of the 31x31 map of a 256x256 face


class FaceJudge(nn.Module):
    """Patches of a face, and its mouth with its sound; of `frames` faces in a row, stacked.

    Called netD (one frame) and netD_mul (six frames) in the published files.
    """

    def __init__(self, frames: int = 6, multiplier: float = 1.0):
        super().__init__()
        self.frames, self.multiplier = frames, multiplier
        c64, c128, c256, c512 = (scaled(c, multiplier) for c in (64, 128, 256, 512))
        self.conv1 = nn.Conv2d(3 * frames, c64, 4, 2, 1)
        self.conv2_1 = nn.Conv2d(c64, c128, 4, 2, 1, bias=False)
        self.norm_1 = nn.BatchNorm2d(c128)
        self.conv2_2 = nn.Conv2d(c128, c256, 4, 2, 1, bias=False)
        self.norm_2 = nn.BatchNorm2d(c256)
        self.conv3 = nn.Conv2d(c256, c512, 4, 1, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(c512)
        self.conv4 = nn.Conv2d(c512, 1, 4, 1, 1)
        self.mfcc_conv1 = nn.Conv2d(frames, c64, 3, (3, 2), (1, 2), bias=False)
        self.mfcc_bn1 = nn.BatchNorm2d(c64)
        self.mfcc_conv2 = nn.Conv2d(c64, c128, 3, 2, 1, bias=False)
        self.mfcc_bn2 = nn.BatchNorm2d(c128)
        self.mfcc_conv3 = nn.Conv2d(c128, c256, 3, bias=False)
        self.mfcc_bn3 = nn.BatchNorm2d(c256)
        self.mfcc_conv4 = nn.Conv2d(c256, CODE, 2, bias=False)
        self.mfcc_bn4 = nn.BatchNorm2d(CODE)
        self.conv6 = nn.Conv2d(c512, c512, 3, bias=False)
        self.bn6 = nn.BatchNorm2d(c512)
        self.conv9 = nn.Conv2d(c512, c512, 7)
        self.fc = nn.Linear(c512 + CODE, c512)
        self.fc2 = nn.Linear(c512, 1)
        # Never used, but in every published file.
        self.conv8 = nn.Conv2d(c512, 1, 1, bias=False)
        self.bn7, self.bn8, self.bn9 = (nn.BatchNorm2d(c) for c in (c512, 1, c512))

    def forward(self, faces: torch.Tensor, mfcc: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """faces (B, 3 x frames, 256, 256), mfcc (B, frames, 20, 12) -> two probabilities.

        Of each patch to be real, (B, 1, 30, 30), and of the mouth to go with the sound, (B, 1).
        """
        patches, mouth = self.logits(faces, mfcc)
        return torch.sigmoid(patches), torch.sigmoid(mouth)

    def logits(self, faces: torch.Tensor, mfcc: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same before the sigmoid."""
        if faces.shape[-1] != SIZE:
            faces = F.interpolate(faces, (SIZE, SIZE), mode="bilinear")
        x = F.leaky_relu(self.conv1(faces), LEAK)
        x = F.leaky_relu(self.norm_1(self.conv2_1(x)), LEAK)
        x = F.leaky_relu(self.norm_2(self.conv2_2(x)), LEAK)
        x = F.leaky_relu(self.norm3(self.conv3(x)), LEAK)
        mouth = x[:, :, MOUTH_ROWS, MOUTH_COLUMNS]
        joined = torch.cat((self._see(mouth), self._hear(mfcc)), dim=1)
        return self.conv4(x), self.fc2(self.fc(joined))

    def _see(self, mouth: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.bn6(self.conv6(mouth)), LEAK)
        return F.leaky_relu(self.conv9(x), LEAK).flatten(1)

    def _hear(self, mfcc: torch.Tensor) -> torch.Tensor:
        """Without activations, as published."""
        x = self.mfcc_bn1(self.mfcc_conv1(mfcc))
        x = self.mfcc_bn2(self.mfcc_conv2(x))
        x = self.mfcc_bn3(self.mfcc_conv3(x))
        return self.mfcc_bn4(self.mfcc_conv4(x)).flatten(1)


class DomainJudge(nn.Module):
    """Whether a speech code was heard or seen. Called discriminator_audio in published files."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(CODE, 256)
        self.fc2 = nn.Linear(256, 1)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """(B, T, 256) -> the probability of sound, (B x T, 1)."""
        return torch.sigmoid(self.logits(codes))

    def logits(self, codes: torch.Tensor) -> torch.Tensor:
        """The same before the sigmoid."""
        return self.fc2(torch.relu(self.fc1(codes.flatten(0, 1))))
