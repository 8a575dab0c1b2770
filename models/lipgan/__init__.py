"""LipGAN: "Towards Automatic Face-to-Face Translation" (Prajwal et al., ACM Multimedia 2019)."""

from models.lipgan.generator import LipGANGenerator
from models.lipgan.judge import LipGANJudge

__all__ = ["LipGANGenerator", "LipGANJudge"]
