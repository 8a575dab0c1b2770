"""The lip warp as a method: hears a whole speech, looks at the whole video, moves its own pixels.

Before the first frame is made, landmarks place a square about the mouth in every frame, what the
mouth does there is seen, and the picture that shows most teeth is kept to borrow from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch

from models.generator import (
    Arrays,
    Edges,
    Generator,
    Hearing,
    Patch,
    Place,
    Tensors,
    Video,
    Watched,
    Watcher,
)
from models.inputs import to_faces, to_levels
from models.landmarks import LandmarkNet, find_landmarks
from models.lip_hearing import LipHearing
from models.lip_motion import EXPRESSION, HIGHEST, INDEX, LOWEST, NAMES
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp
from models.mouth_crop import SIZE, Placement, cut_mouth, place_mouth
from models.steadying import fill_gaps, steadied
from models.warping import REACH, corners, region_of, soft_square, warp_patch

# Of real mouths less movement is seen than there is, as of everything that is told with doubt; what
# is not told to the warp it does not undo.
SHY = 1.5
STEADY_SECONDS = 0.08  # standard deviation over which the square's way is smoothed
MOOD_SECONDS = 0.8  # what is slower than this in the given mouth is the speaker's own
GLANCES = 4  # of the frames with landmarks, one in so many is looked at twice
MOST_REFERENCE = 640  # pixels of the kept picture's side, at most
TEETH_TO_BORROW = 0.004  # of the square: a picture that shows less is not borrowed from
BORDER = 0.08  # of the side, over which the square fades into the frame
TURN = 3  # where the angle stands in a Placement
PRESS, ROLLS = INDEX["mouthPress"], [INDEX["mouthRollLower"], INDEX["mouthRollUpper"]]
# A watched frame's numbers: the placement, the mood's and the seen lips, the light on the face.
LIPS, LIGHT = slice(4, 4 + 2 * len(NAMES)), slice(-3, None)
LIT = (slice(30, 110), slice(45, 115))  # rows and columns of the square: nose to chin
MOST_GAIN, DARK = 4.0, 4.0  # of a colour; levels added to both sides, or black would be divided by
MOODS = [INDEX[name] for name in EXPRESSION]
# Synthetic speakers press and roll in their lips at p b m until little is seen of them; real ones
# meet them. Of both is kept, where lips are pressed: whole from FIRM on.
PRESSED, ROLLED, FIRM = 0.6, 0.5, 0.3
# The network says the odds as they are. Where paint has a tenth it only softens what the given
# picture shows, and where it has a third, closed lips would stretch in the place of parting: so the
# logits move towards paint and get steep. Looked at on real faces; held-out pairs lose 3 % of L1.
LEAN, STEEP = -1.0, 4.0
LEAST_LOGIT = -3.5  # of a layer against the given picture: under it, its share is nothing
# Of a movement, in pixels of the square: up to here it is none, from twice as much on it is whole.
# Skin and beard that only tremble stay the given ones, to the bit.
STILL = 0.08
OVER = 2 * SIZE  # pixels of the square in which what lies over them is put together


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture of the same mouth that shows its teeth."""

    small: np.ndarray  # (SIZE, SIZE, 3)
    large: np.ndarray  # (R, R, 3), the same at the frame's own resolution

    @cached_property
    def light(self) -> np.ndarray:
        """The skin's colour, by which its teeth are fitted to frames of another light. (3,)"""
        return light_of(self.small)


class LipWarpMethod(Generator):
    """Four networks: what hears, what finds landmarks, what sees, and the warp itself."""

    hearing = Hearing("mel")
    lip_motion = True
    shares = Reference
    on_sheet = ("flow", "layers")  # green is borrowed, red is painted
    options = {"strength": 1.0, "keep_expression": 1.0}

    def __init__(
        self, warp: LipWarp, hears: LipHearing, landmarks: LandmarkNet, sees: LipSeeing
    ) -> None:
        self.network, self.hears, self.landmarks, self.sees = warp, hears, landmarks, sees
        self.companions = (hears, landmarks, sees)
        self.reach = hears.reach

    def encode_speech(self, sound: torch.Tensor, seconds: np.ndarray) -> np.ndarray:
        return self.hears.hear(sound.cpu().numpy(), seconds)

    def watch(self, video: Video) -> "MouthWatcher":
        return MouthWatcher(self, video)

    def feed(self, frame: np.ndarray, place: Place, heard: np.ndarray) -> Arrays:
        face = cut_mouth(frame, placement_of(place))
        reference = face if place.shared is None else lit(place.shared.small, gain_of(place))
        mood, seen = place.notes[LIPS].reshape(2, -1)
        lips = wanted_lips(heard, mood, **place.options)
        given = np.clip(mood + SHY * (seen - mood), LOWEST, HIGHEST)
        return {"face": face, "reference": reference, "lips": lips, "face_lips": given}

    def forward(self, inputs: Tensors) -> Tensors:
        lips = inputs["lips"]
        face, reference = (to_faces(inputs[name]).to(lips.dtype) for name in ("face", "reference"))
        warp = self.network(face, reference, lips, inputs["face_lips"])
        layers = warp.layers[:, 1:] - warp.layers[:, :1]  # against the given picture
        return {
            "flow": warp.flow.permute(0, 2, 3, 1),
            "reference_flow": warp.reference_flow.permute(0, 2, 3, 1),
            "layers": (STEEP * (layers - LEAN)).permute(0, 2, 3, 1),
            "paint": to_levels(warp.paint),
        }

    def patch(self, frame: np.ndarray, place: Place, made: Arrays) -> Patch | None:
        fade = soft_square(SIZE, BORDER if place.blend == "feather" else 0.0)
        mask, paint = lay_over(made, place.shared, gain_of(place))
        return warp_patch(
            frame,
            placement_of(place).to_crop(),
            SIZE,
            unless_still(made["flow"]),
            mask=mask,
            paint=paint,
            weights=fade * np.float32(place.strength),
        )

    def region(self, place: Place, size: tuple[int, int]) -> Edges:
        to_square = placement_of(place).to_crop()
        return region_of(to_square, SIZE, size, reach=REACH) or (0, 0, 1, 1)

    def view(self, frame: np.ndarray, place: Place) -> np.ndarray:
        placement = placement_of(place)
        return cut_mouth(frame, placement, max(SIZE, round(placement.side)))

    def outline(self, place: Place) -> np.ndarray:
        return corners(placement_of(place).to_crop(), SIZE)

    def show(self, inputs: Arrays, made: Arrays) -> dict[str, np.ndarray]:
        return {
            "given": inputs["face"],
            "reference": inputs["reference"],
            "flow": draw_flow(made["flow"]),
            "layers": draw_shares(*shares(made["layers"])),
            "paint": made["paint"],
        }


def placement_of(place: Place) -> Placement:
    """Where a watched face's mouth is cut out."""
    return Placement(*map(float, place.notes[:4]))


def unless_still(flow: np.ndarray) -> np.ndarray:
    """The movement without what is too small to be seen. (n, n, 2)"""
    length = cv2.magnitude(*cv2.split(flow))
    return flow * np.clip(length / STILL - 1, 0, 1)[..., None]


def light_of(mouth: np.ndarray) -> np.ndarray:
    """The mean colour from the nose to the chin. mouth: (SIZE, SIZE, 3) -> (3,)"""
    return mouth[LIT].mean(axis=(0, 1))


def gain_of(place: Place) -> np.ndarray:
    """What the kept picture's colours are to be multiplied by, in the light of this frame. (3,)"""
    if place.shared is None:
        return np.ones(3)
    gain = (place.notes[LIGHT] + DARK) / (place.shared.light + DARK)
    return np.clip(gain, 1 / MOST_GAIN, MOST_GAIN)


def lit(picture: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The picture in another light. BGR uint8"""
    return cv2.multiply(picture, (*map(float, gain), 1.0))


def wanted_lips(
    heard: np.ndarray, mood: np.ndarray, *, strength: float, keep_expression: float
) -> np.ndarray:
    """What the mouth is to do: the speech's movements, and the speaker's own smile. (15,)

    A contact stays whole at any strength: its numbers shrink and grow together.
    """
    lips = softly_closed(np.asarray(heard, np.float32)) * np.float32(strength)
    lips[MOODS] += np.float32(keep_expression) * (mood[MOODS] - heard[MOODS])
    return np.clip(lips, LOWEST, HIGHEST)


def softly_closed(lips: np.ndarray) -> np.ndarray:
    """The same numbers with lips that meet and are not drawn in; f and v stay. (15,)"""
    lips = lips.copy()
    firm = min(float(lips[PRESS]) / FIRM, 1.0)
    lips[PRESS] *= 1 - firm * (1 - PRESSED)
    lips[ROLLS] *= 1 - firm * (1 - ROLLED)
    return lips


class MouthWatcher(Watcher):
    """Follows one mouth through a video."""

    def __init__(self, method: LipWarpMethod, video: Video):
        self.method, self.video = method, video
        self.rows: dict[int, np.ndarray] = {}
        self.best: tuple[float, np.ndarray, Placement] | None = None

    def see(
        self, numbers: Sequence[int], frames: Sequence[np.ndarray], boxes: Sequence[Edges]
    ) -> None:
        placements = self._place(numbers, frames, boxes)
        mouths = np.stack(
            [cut_mouth(frame, at) for frame, at in zip(frames, placements, strict=True)]
        )
        seen = self.method.sees.see(mouths)
        light = [light_of(mouth) for mouth in mouths]
        rows = np.column_stack([np.array(placements), seen.values, light, seen.trust])
        self.rows |= dict(zip(numbers, rows, strict=True))
        shown = seen.teeth * seen.trust
        most = int(shown.argmax())
        if shown[most] > (self.best[0] if self.best else TEETH_TO_BORROW):
            side = int(np.clip(placements[most].side, SIZE, MOST_REFERENCE))
            large = cut_mouth(frames[most], placements[most], side)
            self.best = float(shown[most]), large, placements[most]

    def _place(
        self, numbers: Sequence[int], frames: Sequence[np.ndarray], boxes: Sequence[Edges]
    ) -> list[Placement]:
        """The square in each frame: by landmarks in every other one, half-way in between.

        Smoothing over time (STEADY_SECONDS) takes more than what this leaves out.
        """
        numbers = np.array(numbers)
        between = np.zeros(len(numbers), bool)
        between[1:-1:2] = (numbers[2:] - numbers[:-2] == 2)[::2]
        cut = np.isin(numbers, self.video.cuts)
        between &= ~(cut | np.append(cut[1:], False))  # nothing lies half-way between two shots
        at = np.flatnonzero(~between)
        points, _ = find_landmarks(
            self.method.landmarks,
            [frames[k] for k in at],
            [boxes[k] for k in at],
            every=1 if cut.any() else GLANCES,
        )
        rows = np.array([place_mouth(found) for found in points])
        rows[:, TURN] = np.unwrap(rows[:, TURN])
        columns = [np.interp(np.arange(len(numbers)), at, column) for column in rows.T]
        return [Placement(*map(float, row)) for row in zip(*columns, strict=True)]

    def forget(self, frames: int) -> None:
        self.rows = {at - frames: row for at, row in self.rows.items() if at >= frames}

    def settle(self) -> Watched:
        numbers = sorted(self.rows)
        turns = np.unwrap([self.rows[number][TURN] for number in numbers])
        for number, turn in zip(numbers, turns, strict=True):
            self.rows[number][TURN] = turn
        rows = fill_gaps(self.rows)
        lips = rows[:, 4 : 4 + len(NAMES)]
        moods = steadied(lips, self.video, MOOD_SECONDS)
        places, light = (
            steadied(part, self.video, STEADY_SECONDS) for part in (rows[:, :4], rows[:, -4:-1])
        )
        notes = np.concatenate([places, moods, lips, light], axis=1)
        trust = steadied(rows[:, -1:], self.video, STEADY_SECONDS)[:, 0]
        reference = None
        if self.best:
            large = self.best[1]
            small = cv2.resize(large, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
            reference = Reference(small, large)
        return Watched(
            notes.astype(np.float32), trust.astype(np.float32), reference, lips.astype(np.float32)
        )


def lay_over(
    made: Arrays, reference: Reference | None, gain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What is borrowed and painted, and its share of the picture: (n, n) and (n, n, 3) uint8.

    Worked out only about where there is any, finer than the network says it, since a lip's edge
    is where its logits meet and not where a blurred share is a half.
    """
    mask, paint = np.zeros((OVER, OVER), np.float32), np.zeros((OVER, OVER, 3), np.uint8)
    some = _bounds(made["layers"].max(axis=2) > LEAST_LOGIT)
    if some is None:
        return mask, paint
    part = tuple(slice(edge.start * OVER // SIZE, edge.stop * OVER // SIZE) for edge in some)
    borrowed, painted = shares(_finer(made["layers"], some, part))
    over = _finer(made["paint"], some, part)
    mask[part] = painted
    if reference is not None:  # else the given picture stands in for it, as in training
        mask[part] += borrowed
        theirs = lit(_borrow(reference, made["reference_flow"], part), gain)
        over = cv2.blendLinear(theirs, over, borrowed, painted)
    paint[part] = over
    return mask, paint


def _bounds(wanted: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns that hold all that is wanted."""
    rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _finer(values: np.ndarray, some: tuple[slice, slice], part: tuple[slice, slice]) -> np.ndarray:
    """A part of a map of SIZE, at OVER."""
    rows, columns = (edge.stop - edge.start for edge in part)
    small = np.ascontiguousarray(values[some])
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR)


def _borrow(reference: Reference, flow: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    """The reference's pixels for a part of the square, at OVER."""
    places = cv2.resize(flow, (OVER, OVER), interpolation=cv2.INTER_LINEAR)[part]
    scale = len(reference.large) / SIZE
    for axis, edge in enumerate(reversed(part)):
        at = (np.arange(edge.start, edge.stop, dtype=np.float32) + 0.5) * (SIZE / OVER)
        at = at[None, :] if axis == 0 else at[:, None]
        places[..., axis] = (places[..., axis] + at) * scale - 0.5
    places = np.ascontiguousarray(places)
    return cv2.remap(
        reference.large, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def shares(layers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of reference and paint at each pixel. layers: (H, W, 2) logits against the given picture"""
    powers = np.exp(np.clip(layers, -20, 20))
    total = 1 + powers[..., 0] + powers[..., 1]
    return powers[..., 0] / total, powers[..., 1] / total


def draw_flow(flow: np.ndarray) -> np.ndarray:
    """A movement as colours: the hue says whereto, the strength how far. BGR uint8"""
    length, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1], angleInDegrees=True)
    value = np.clip(length / 12, 0, 1)
    hsv = np.stack([angle / 2, 255 * np.ones_like(angle), 255 * value], axis=-1).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def draw_shares(borrowed: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Green is borrowed from the reference, red is painted. BGR uint8"""
    planes = np.stack([np.zeros_like(borrowed), borrowed, painted], axis=-1)
    return (255 * planes).astype(np.uint8)
