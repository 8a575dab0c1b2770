"""What of a film is usable: the limits that stretches are held to."""

from dataclasses import asdict, dataclass
from pathlib import Path

from models.pretrained import EXPERT


@dataclass(frozen=True)
class WildOptions:
    """Limits of preprocess.py --wild; a stretch beyond one of them is left out by its name."""

    sync_correct: bool = True  # move the sound to where it fits, if that is sure
    min_sync: float = 0.5  # certainty that the sound is the face's own, 0 to 1
    min_face: int = 64  # pixels, the face's height in the film
    min_seconds: float = 1.2
    max_seconds: float = 12.0  # longer stretches are split at pauses
    max_turn: float = 45.0  # degrees that a head is turned to the side
    expert: Path = EXPERT

    def of_a_clip(self) -> dict:
        """For clip.json."""
        return asdict(self) | {"expert": self.expert.name}
