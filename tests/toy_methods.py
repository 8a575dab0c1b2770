"""Two methods of shapes that the project's own first one has not, for the tests of lipsync/."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import inference
from lipsync import Settings
from lipsync.backends.torch_backend import TorchBackend
from lipsync.plan import Plan, make_plan
from models import methods, registry
from models.checkpoint import save_checkpoint
from models.generator import Generator, Hearing, Patch, Watched, Watcher
from models.inputs import fit_face, generator_input, to_faces, to_levels
from models.warping import corners, soft_square, warp_patch
from tests.lipsync_material import EllipseDetector

SIZE = 24
# A tone in the middle of two seconds.
BURST = "aevalsrc='0.5*sin(2000*t)*between(t,0.7,1.3)'"


class LevelNetwork(nn.Module):
    """Paints a whole face in one grey, as loud as its code; blue says what the reference was."""

    def __init__(self) -> None:
        super().__init__()
        self.toy_whole_face = nn.Parameter(torch.tensor(1.0))

    def forward(self, code: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        reference, masked = face.split(3, dim=1)
        assert not masked[:, :, SIZE // 2 :].any()
        grey = code.mean(dim=-1).view(-1, 1, 1, 1).expand(-1, 3, SIZE, SIZE).clone()
        grey[:, 0] = reference.mean(dim=(1, 2, 3)).view(-1, 1, 1)
        return grey * self.toy_whole_face


class SentenceEncoder(nn.Module):
    """How loud each moment is beside the loudest of the sentence, which no window could tell."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        power = sound.abs().mean(dim=0)
        return power / power.max().clamp(min=1e-6)


class WholeFace(Generator):
    """Reference first, the whole face painted, LipGAN's MFCC, by window or by whole sentence."""

    def __init__(self, name: str = "mfcc_lipgan"):
        self.hearing = Hearing(name, {"fps": 25.0})
        self.network, self.companions = LevelNetwork(), (SentenceEncoder(),)

    def encode_speech(self, sound, seconds):
        loud = self.companions[0](sound).cpu().numpy()
        where = np.round(seconds * 100).astype(int)
        inside = (where >= 0) & (where < len(loud))
        return (loud[where.clip(0, len(loud) - 1)] * inside)[:, None].astype(np.float32)

    def feed(self, frame, place, heard):
        left, top, right, bottom = place.box
        reference = fit_face(frame[top:bottom, left:right], SIZE, SIZE)
        return {"code": heard, "reference": reference}

    def forward(self, inputs):
        code = inputs["code"].flatten(1)
        face = to_faces(inputs["reference"]).to(code.dtype)
        joined = generator_input(face, face, reference_first=True)
        return {"face": to_levels(self.network(code, joined))}

    def patch(self, frame, place, made):
        left, top, right, bottom = place.box
        return Patch(left, top, cv2.resize(made["face"], (right - left, bottom - top)))

    def view(self, frame, place):
        left, top, right, bottom = place.box
        return frame[top:bottom, left:right]


class MoveNetwork(nn.Module):
    """Moves all that the square shows to the right by what is heard, up to a quarter of it."""

    def __init__(self) -> None:
        super().__init__()
        self.toy_moves = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.zeros_(self.toy_moves.weight)

    def forward(self, code: torch.Tensor, square: torch.Tensor) -> dict[str, torch.Tensor]:
        mask = self.toy_moves(square)
        flow = torch.zeros(len(code), SIZE, SIZE, 2, dtype=code.dtype)
        flow[..., 0] = -SIZE / 4 * code.clamp(0, 1)[:, None]
        return {"flow": flow, "mask": mask[:, 0], "paint": to_levels(torch.ones_like(square))}


class EllipseWatcher(Watcher):
    """Follows the painted ellipse's middle; does not trust its eyes where it is told not to."""

    def __init__(self, video):
        self.video, self.rows, self.most_at_once = video, {}, 0

    def see(self, numbers, frames, boxes):
        self.most_at_once = max(self.most_at_once, len(frames))
        for number, frame, box in zip(numbers, frames, boxes, strict=True):
            rows, columns = np.nonzero(frame[..., 2] > 170)
            self.rows[number] = (columns.mean(), rows.mean(), 1.5 * (box[2] - box[0]))

    def settle(self):
        notes = np.array([self.rows[number] for number in sorted(self.rows)], np.float32)
        trust = np.ones(len(notes), np.float32)
        trust[self.video.options["doubt_from"] : self.video.options["doubt_to"]] = 0
        lips = np.zeros((len(notes), 15), np.float32)
        lips[:, 0] = np.arange(len(lips)) / 100  # as if the jaw fell a hundredth a frame
        return Watched(notes, trust, shared="what holds for all frames", lips=lips)


class MovedPixels(Generator):
    """Cuts by a placement of its own and moves the frame's own pixels, at their resolution."""

    hearing = Hearing("mel")
    lip_motion = True
    on_sheet = ("mask",)
    options = {"doubt_from": 0, "doubt_to": 0, "amount": 1.0}

    def __init__(self):
        self.network = MoveNetwork()

    def watch(self, video):
        return EllipseWatcher(video)

    def encode_speech(self, sound, seconds):
        return np.eye(1, 15, dtype=np.float32).repeat(len(seconds), axis=0)

    def to_square(self, place):
        x, y, side = map(float, place.notes)
        scale = SIZE / side
        middle = (SIZE - 1) / 2
        return np.array([[scale, 0, middle - scale * x], [0, scale, middle - scale * y]])

    def feed(self, frame, place, heard):
        assert place.shared == "what holds for all frames"
        square = cv2.warpAffine(frame, self.to_square(place), (SIZE, SIZE))
        return {"code": heard[0] * np.float32(place.options["amount"]), "square": square}

    def forward(self, inputs):
        square = to_faces(inputs["square"]).to(inputs["code"].dtype)
        return self.network(inputs["code"][:, None], square)

    def patch(self, frame, place, made):
        weights = soft_square(SIZE, 0.1 if place.blend == "feather" else 0) * place.strength
        maps = {name: made[name] for name in ("mask", "paint")}
        weights = weights.astype(np.float32)
        return warp_patch(frame, self.to_square(place), SIZE, made["flow"], weights=weights, **maps)

    def view(self, frame, place):
        return cv2.warpAffine(frame, self.to_square(place), (SIZE, SIZE))

    def outline(self, place):
        return corners(self.to_square(place), SIZE)

    def show(self, inputs, made):
        return {"square": inputs["square"], "mask": np.uint8(255 * made["mask"])}


MARKS = {"toy_whole_face": WholeFace, "toy_moves.weight": MovedPixels}


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows for both toys, as docs/methods.md says a new method is added."""
    for mark, method in MARKS.items():
        kind = registry.Kind(mark, f"a {method.__name__}", method, (mark,), lambda weights: {})
        monkeypatch.setitem(registry.KINDS, mark, kind)
        monkeypatch.setitem(methods.METHODS, mark, _maker(method))


def _maker(method):
    def make(checkpoint):
        built = method()
        built.network.load_state_dict(checkpoint.state_dict)
        return built

    return make


def save_toy(path: Path, method: Generator) -> Path:
    save_checkpoint(path, {"state_dict": method.network.state_dict(), "hparams": {}})
    return path


def infer(method: Generator, *flags) -> int:
    """inference.py in toy_folder, on its face and its speech; makes o.mkv, as it was drawn."""
    save_toy(Path("toy.pth"), method)
    return inference.main(
        ["--checkpoint_path=toy.pth", "--face=face.mkv", "--audio=speech.wav", "--outfile=o.mkv",
         "--codec=ffv1", "--pix_fmt=bgr0", "--device=cpu", *map(str, flags)]
    )  # fmt: skip


def planned(method: Generator, **settings) -> tuple[Plan, TorchBackend]:
    """The same as a plan, its faces found by the ellipse's detector."""
    runs = TorchBackend(method, device=torch.device("cpu"), precision="fp32", batch_size=16)
    settings = Settings(**{"use_cache": False, "detect_every": 1} | settings)
    return make_plan("face.mkv", "speech.wav", settings, runs, EllipseDetector), runs
