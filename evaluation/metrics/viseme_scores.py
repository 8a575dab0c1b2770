"""Do lips do what is spoken? Contacts, rounding, open vowels, rest in silence; what leaks in."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from evaluation.metrics.lip_sight import Sight
from evaluation.metrics.spoken import OPEN, QUIET, ROUNDED, SHUT, TUCKED, Event, Spoken
from models.lip_motion import FPS, LipMotion

NEAR = 4  # frames around the burst in which a contact that is early or late is still its own
TUCKED_SEEN = 0.25  # mouthRollLower; a whole f has 0.55
ROUND_SEEN = 0.3  # mouthPucker and mouthFunnel together; a whole u has 1.0
OPEN_OVER_SHUT = 1.5  # times what is called shut: an open vowel is seen open from here on
LEAST_TRUST = 0.5  # frames that are seen worse count for nothing
QUIET_MARGIN = 0.15  # seconds at a silence's ends in which lips may still move
LEAK_SECONDS = 1.0  # what is slower than this is mood or pose, and no leak
NEEDS = {SHUT: "jawOpen", OPEN: "jawOpen", TUCKED: "mouthRollLower", ROUNDED: "mouthPucker"}


def score_lips(sight: Sight, spoken: Spoken) -> dict[str, float]:
    """Sums that add up over videos; `summarise` makes shares of them."""
    motion, known = sight.motion, sight.trust >= LEAST_TRUST
    tucked = motion["mouthRollLower"] > TUCKED_SEEN
    is_round = motion["mouthPucker"] + motion["mouthFunnel"] > ROUND_SEEN
    opened = motion.opening > OPEN_OVER_SHUT * sight.eye.shut_below
    sums: Counter[str] = Counter()
    if NEEDS[SHUT] in sight.eye.sees:
        sums.update(_contacts(SHUT, sight.shut, known, spoken.of_kind(SHUT)))
        sums.update(_within(OPEN, opened, known, spoken.of_kind(OPEN)))
        sums.update(_quiet(motion, known, spoken))
    if NEEDS[TUCKED] in sight.eye.sees:
        sums.update(_contacts(TUCKED, tucked, known, spoken.of_kind(TUCKED)))
        sums.update(_within(ROUNDED, is_round, known, spoken.of_kind(ROUNDED)))
    return dict(sums)


def _contacts(
    kind: str, touching: np.ndarray, known: np.ndarray, events: Sequence[Event]
) -> dict[str, float]:
    """Kept: touching in the frame of the burst or the one before."""
    sums: Counter[str] = Counter()
    for event in events:
        burst = int(event.end * FPS)
        around = slice(max(0, burst - NEAR), burst + NEAR + 1)
        if not 0 < burst < len(touching) or not known[around].all():
            continue
        sums[f"{kind}_expected"] += 1
        sums[f"{kind}_kept"] += bool(touching[burst - 1 : burst + 1].any())
        late = _lateness(touching, burst)
        if late is not None:
            sums[f"{kind}_found"] += 1
            sums[f"{kind}_late"] += late
    return sums


def _lateness(touching: np.ndarray, burst: int) -> int | None:
    """Frames by which the lips part too late, below 0 too early; None where they do not.

    Of the partings within NEAR frames the nearest counts: right is after the frame before the
    burst's, or after the burst's own.
    """
    parts = np.flatnonzero(touching[:-1] & ~touching[1:])  # the last frame that touches
    parts = parts[np.abs(parts - (burst - 0.5)) <= NEAR]
    if not len(parts):
        return None
    last = int(parts[np.argmin(np.abs(parts - (burst - 0.5)))])
    return min(0, last - (burst - 1)) + max(0, last - burst)


def _within(
    kind: str, seen: np.ndarray, known: np.ndarray, events: Sequence[Event]
) -> dict[str, float]:
    """Kept: seen in a frame whose middle is within the sound."""
    sums: Counter[str] = Counter()
    middles = (np.arange(len(seen)) + 0.5) / FPS
    for event in events:
        inside = (middles >= event.start) & (middles < event.end)
        if inside.any() and known[inside].all():
            sums[f"{kind}_expected"] += 1
            sums[f"{kind}_kept"] += bool(seen[inside].any())
    return sums


def _quiet(motion: LipMotion, known: np.ndarray, spoken: Spoken) -> dict[str, float]:
    """How much the opening changes from frame to frame, in silence and in speech."""
    middles = (np.arange(len(motion)) + 0.5) / FPS
    silent, near = (np.zeros(len(motion), bool) for _ in range(2))
    for event in spoken.of_kind(QUIET):
        near |= (middles >= event.start) & (middles < event.end)
        inner = event.start + QUIET_MARGIN, event.end - QUIET_MARGIN
        silent |= (middles >= inner[0]) & (middles < inner[1])
    change = np.abs(np.diff(motion.opening))
    both = known[1:] & known[:-1]
    rests, speaks = silent[1:] & silent[:-1] & both, ~near[1:] & ~near[:-1] & both
    return {
        "quiet_frames": int(rests.sum()),
        "quiet_change": float(change[rests].sum()),
        "speech_frames": int(speaks.sum()),
        "speech_change": float(change[speaks].sum()),
    }


def leak(made: Sight, given: Sight, heard: LipMotion | None = None) -> float:
    """Correlation of what the lips do with what they did in the given video, slow moods taken off.

    Of the opening, and of rounding where both are seen; NaN where either does nothing. heard: of
    the made video's sound; what the given lips share with it by chance is taken out of them first,
    for two short speeches that begin and end together are alike by themselves.
    """
    frames = min(len(motion) for motion in (made.motion, given.motion, heard or made.motion))
    known = (np.minimum(made.trust[:frames], given.trust[:frames]) >= LEAST_TRUST).nonzero()[0]
    found = []
    for tell in _tellers(made, given):
        ours, theirs = (_quick(tell(sight.motion)[:frames])[known] for sight in (made, given))
        if heard is not None:
            theirs = _without(theirs, _quick(tell(heard)[:frames])[known])
        found.append(_correlation(ours, theirs))
    return float(np.mean(found))


def _tellers(made: Sight, given: Sight) -> list[Callable[[LipMotion], np.ndarray]]:
    """Curves that both eyes see."""
    rounded = "mouthPucker" in made.eye.sees & given.eye.sees
    return [lambda motion: motion.opening] + [lambda motion: motion["mouthPucker"]] * rounded


def _without(row: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is left of a curve when as much of another as fits is taken off."""
    row, other = row - row.mean(), other - other.mean()
    power = float(other @ other)
    return row - other * (float(row @ other) / power) if power > 1e-9 else row


def _quick(row: np.ndarray) -> np.ndarray:
    return row - gaussian_filter1d(row, LEAK_SECONDS * FPS, mode="nearest")


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 2 or min(one.std(), other.std()) < 1e-6:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def summarise(sums: dict[str, float]) -> dict[str, float]:
    """Shares of what was expected, mean lateness in frames, and restlessness in silence."""
    values: dict[str, float] = {}
    for kind in (SHUT, TUCKED, ROUNDED, OPEN):
        expected = sums.get(f"{kind}_expected", 0)
        if expected:
            values[f"{kind}_expected"] = expected
            values[kind] = sums.get(f"{kind}_kept", 0) / expected
        if sums.get(f"{kind}_found"):
            values[f"{kind}_frames_late"] = sums[f"{kind}_late"] / sums[f"{kind}_found"]
    if sums.get("quiet_frames") and sums.get("speech_change"):
        rest = sums["quiet_change"] / sums["quiet_frames"]
        values["restlessness"] = rest / (sums["speech_change"] / sums["speech_frames"])
    return values
