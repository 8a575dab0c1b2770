"""DAVS: "Talking Face Generation by Adversarially Disentangled Audio-Visual Representation".

Zhou et al., AAAI 2019. Every network takes what `multiplier` makes of the original's channels; at
1 its parameters have the names and shapes of the published weights, unused ones too.
"""

from models.davs.decoder import DAVSDecoder
from models.davs.identity import IdentityEncoder, IdentityWordJudge
from models.davs.judges import DomainJudge, FaceJudge
from models.davs.lips import LipEncoder
from models.davs.sound import SoundEncoder
from models.davs.whole import DAVS
from models.davs.words import WordClassifier

__all__ = [
    "DAVS",
    "DAVSDecoder",
    "DomainJudge",
    "FaceJudge",
    "IdentityEncoder",
    "IdentityWordJudge",
    "LipEncoder",
    "SoundEncoder",
    "WordClassifier",
]
