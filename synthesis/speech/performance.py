"""What a head does during a clip: blendshapes, pose, gaze and tongue, one row a frame."""

from dataclasses import dataclass

import numpy as np

FPS = 25  # frames a second of everything that synthesis makes
SHUTTER_SECONDS = 0.020  # the shutter is open for half a frame, in its middle
CURVE_RATE = 500  # points a second of the curves that motion is computed in


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


def curve_points(frames: int) -> int:
    """Points of a curve that lasts `frames` frames."""
    return frames * CURVE_RATE // FPS


def sample_frames(curve: np.ndarray, frames: int) -> np.ndarray:
    """What a camera sees of a curve: (frames, ...) float32 from (curve_points(frames), ...).

    The one place that says when a frame is: around (i + 0.5) / FPS, for SHUTTER_SECONDS.
    """
    per_frame = CURVE_RATE // FPS
    open_points = round(SHUTTER_SECONDS * CURVE_RATE)
    first = (per_frame - open_points) // 2
    grouped = curve[: frames * per_frame].reshape(frames, per_frame, *curve.shape[1:])
    return grouped[:, first : first + open_points].mean(axis=1).astype(np.float32)
