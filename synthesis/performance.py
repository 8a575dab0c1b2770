"""What a head does during a clip: blendshapes, pose, gaze and tongue, one row a frame."""

from dataclasses import dataclass

import numpy as np

FPS = 25  # frames a second of everything that synthesis makes


@dataclass(frozen=True)
class Performance:
    """A clip of motion. Frame i stands for the time (i + 0.5) / FPS, averaged over the shutter."""

    weights: dict[str, np.ndarray]  # "jawOpen", "eyeBlink_L", ... -> (frames,) float32
    rotation: np.ndarray  # (frames, 3) rad: pitch down, yaw to viewer's right, roll clockwise
    translation: np.ndarray  # (frames, 3) cm from the resting place: x right, y up, z to the camera
    gaze: np.ndarray  # (frames, 2) rad: yaw to the viewer's right, pitch down, against the head
    tongue: np.ndarray  # (frames,) 0..1: how far the tip is raised to the upper teeth

    @property
    def frames(self) -> int:
        """How many frames it lasts."""
        return len(self.rotation)
