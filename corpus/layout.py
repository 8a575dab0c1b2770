"""What a clip's folder holds, by name."""

import re

DONE = "clip.json"  # the last file of a clip to be written: with it the clip is whole


def is_made_again(name: str) -> bool:
    """Whether preprocessing makes a file of this name, so that one of the original's may go."""
    return re.fullmatch(r"\d+\.jpg|audio\.wav|mel\.npy", name) is not None
