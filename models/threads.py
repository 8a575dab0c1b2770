"""How many threads there may be, and how torch's wait: to be said before torch is loaded."""

import os


def wait_without_spinning() -> None:
    """For what decodes, computes, pastes and encodes side by side.

    OpenMP's threads wait by spinning, which takes the processor from the other stages: 128 frames
    of 720p on two busy cores cost 27.5 s of it where these cost 13.2 (64 s when told to spin on).
    What the caller has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def count_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
