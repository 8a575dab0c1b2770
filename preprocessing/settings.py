"""What one run of preprocess.py does with each clip."""

from dataclasses import dataclass
from pathlib import Path

from corpus.mel import mel_numbers
from face_detection import DEFAULT_PADS, Pads
from face_detection.search import DETECT_EVERY
from hparams import ClipHParams
from preprocessing.wild.options import WildOptions


@dataclass(frozen=True)
class PreprocessSettings:
    """Plain values, so that a worker process or another machine can be given them."""

    root: Path  # where the preprocessed clips go
    hp: ClipHParams
    detector: str = "auto"
    s3fd_path: Path | None = None
    batch_size: int = 32  # images that a detector is given at a time
    detect_every: int = DETECT_EVERY
    pads: Pads = DEFAULT_PADS
    smooth: bool = True
    crop_size: int = 288  # pixels of the longer side of a crop, at most; 0 keeps all
    max_missing: float = 0.3  # of the frames, that may be without a face
    audio_root: Path | None = None  # of the layout "talklip", with bbx_root: what it makes
    bbx_root: Path | None = None
    layout: str = "clips"  # or "lrw": single words, as DAVS has them
    wild: WildOptions | None = None  # films of any kind, each to as many clips as it has

    def of_a_clip(self) -> dict:
        """What a clip's files depend on; written into its clip.json."""
        return {
            "detector": self.detector,
            "fps": self.hp.fps,
            "detect_every": self.detect_every,
            "pads": list(self.pads),
            "smooth": self.smooth,
            "crop_size": self.crop_size,
            **(self.wild.of_a_clip() if self.wild else {}),
        } | mel_numbers(self.hp)

    def differ_from(self, described: dict) -> bool:
        """Whether a clip was made with others; what its description leaves out is not known."""
        wanted = self.of_a_clip()
        return any(described[name] != wanted[name] for name in wanted.keys() & described.keys())
