"""What a LipGAN hears with a frame: the name of a window in features.WINDOWS."""

WINDOWS = {"mel": "mel80x27", "mfcc": "mfcc12x35"}
LEGACY_MEL = "mel80x27_legacy"


def window_name(sound: str, *, legacy_timing: bool = False) -> str:
    """Of the network's sound. legacy_timing: where its mel release began the window in training."""
    return LEGACY_MEL if legacy_timing and sound == "mel" else WINDOWS[sound]
