"""What stays for a speaker (Speaker) and changes from clip to clip (Scene), drawn from a seed."""

from dataclasses import dataclass

import numpy as np

from synthesis.figure.clothes import ClothesLook
from synthesis.figure.facial_hair import FacialHairLook
from synthesis.figure.glasses import GlassesLook
from synthesis.figure.hair_styles import HairLook
from synthesis.figure.mouth_and_eyes import WetLook
from synthesis.figure.skin import SkinLook
from synthesis.render.backgrounds import BackgroundLook
from synthesis.render.camera import Camera
from synthesis.render.degrade import Degradation
from synthesis.render.lights import Lights
from synthesis.render.occluders import OccluderLook

IDENTITY_MODES = 100


@dataclass(frozen=True)
class Speaker:
    """One person: shape of the head, skin, hair, eyes, teeth, glasses."""

    seed: int
    identity: tuple[float, ...]  # coefficients of the head's identity modes
    skin: SkinLook
    wet: WetLook
    hair: HairLook
    facial_hair: FacialHairLook
    glasses: GlassesLook | None
    clothes: ClothesLook

    @classmethod
    def draw(cls, seed: int | np.random.Generator) -> "Speaker":
        """A random person; the same seed gives the same person."""
        rng = np.random.default_rng(seed)
        feminine = bool(rng.random() < 0.5)
        identity = np.clip(rng.normal(0, 0.85, IDENTITY_MODES), -2.2, 2.2)
        skin = SkinLook.draw(rng, feminine)
        hair = HairLook.draw(rng, feminine, skin.tone, skin.age)
        return cls(
            seed=int(rng.integers(2**62)),
            identity=tuple(identity.tolist()),
            skin=skin,
            wet=WetLook.draw(rng, skin.tone),
            hair=hair,
            facial_hair=FacialHairLook.draw(rng, feminine),
            glasses=GlassesLook.draw(rng) if rng.random() < 0.28 else None,
            clothes=ClothesLook.draw(rng, feminine),
        )


@dataclass(frozen=True)
class Scene:
    """One clip's surroundings: camera, lights, background, what stands before the face, what spoils
    the picture.
    """

    seed: int
    camera: Camera
    lights: Lights
    background: BackgroundLook
    occluder: OccluderLook | None
    degradation: Degradation

    @classmethod
    def draw(cls, seed: int | np.random.Generator) -> "Scene":
        """A random scene; the same seed gives the same scene."""
        rng = np.random.default_rng(seed)
        return cls(
            seed=int(rng.integers(2**62)),
            camera=Camera.draw(rng),
            lights=Lights.draw(rng),
            background=BackgroundLook.draw(rng),
            occluder=OccluderLook.draw(rng) if rng.random() < 0.07 else None,
            degradation=Degradation.draw(rng),
        )
