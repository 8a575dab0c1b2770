"""Every network of LipGAN, DAVS and TalkLip against golden numbers, with any seed's weights.

python -m tests.golden_relatives GOLDEN.npz --seed S [--only lipgan|davs|talklip]

Builds each network that the file knows, fills it by names, shapes and seed, feeds the fixed
inputs and prints each entry's error. Exit code 1 if one is over 1e-4 x max(1, max|x|). Tokens of
the beam search are left out, as ties of 4e-3 decide them; their scores are compared.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models import VisualQualityDiscriminator
from models.av_hubert import SIZES, LipReader
from models.av_hubert.search import beam_search
from models.davs import (
    DAVSDecoder,
    DomainJudge,
    FaceJudge,
    IdentityEncoder,
    IdentityWordJudge,
    LipEncoder,
    SoundEncoder,
    WordClassifier,
)
from models.lipgan import LipGANGenerator, LipGANJudge
from models.talklip import TalkLipGenerator
from tests.deterministic import draw, fill
from training.reading_losses import contrastive_loss, reading_loss

DATA = Path(__file__).parent / "data"
TOLERANCE = 1e-4
THINNED_FROM, THINNED_TO = 20_000, 4000  # values: longer outputs are kept thinned
Entries = Iterator[tuple[str, torch.Tensor]]


@dataclass(frozen=True)
class Check:
    """Networks that are compared together, and the beginnings of their entries' names."""

    family: str
    prefixes: tuple[str, ...]
    run: Callable[[int], Entries]  # seed -> (entry, output)


def built(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network in evaluation mode with weights that follow from names, shapes and the seed."""
    with torch.device("meta"):  # no time for weights that are overwritten
        network = make()
    network.load_state_dict(fill(network.state_dict(), seed), assign=True)
    return network.eval()


def _lipgan_sound(sound: str, seed: int) -> torch.Tensor:
    if sound == "mel":
        return draw((2, 1, 80, 27), seed) * 8 - 4
    return draw((2, 1, 12, 35), seed) * 20 - 10


def _lipgan_generator(model: str, sound: str) -> Check:
    name = f"lipgan_generator_{model}_{sound}"

    def run(seed: int) -> Entries:
        network = built(lambda: LipGANGenerator(model, sound), seed)
        heard, face = _lipgan_sound(sound, 2), draw((2, 6, 96, 96), 1)
        yield f"{name}.embedding", network.embed(heard, face)
        yield f"{name}.face", network(heard, face)

    return Check("lipgan", (f"{name}.",), run)


def _lipgan_judge(sound: str) -> Check:
    name = f"lipgan_discriminator_{sound}"

    def run(seed: int) -> Entries:
        network = built(lambda: LipGANJudge(sound), seed)
        heard, face = _lipgan_sound(sound, 4), draw((2, 3, 96, 96), 3)
        yield f"{name}.face", network.embed_face(face)
        yield f"{name}.audio", network.embed_sound(heard)
        yield f"{name}.distance", network(heard, face)

    return Check("lipgan", (f"{name}.",), run)


def _davs_faces(seed: int) -> Entries:
    encoder, decoder = built(IdentityEncoder, seed), built(DAVSDecoder, seed)
    sound = built(SoundEncoder, seed)
    seen = encoder(draw((2, 3, 256, 256), 1))
    for part, output in zip(("net", "net4", "net3", "net2", "net1"), seen, strict=True):
        yield f"davs_ID_encoder.{part}", output
    yield "davs_mfcc_encoder", sound(draw((2, 3, 1, 20, 12), 4) * 20 - 10)
    code, speech = draw((2, 256), 5) - 0.5, draw((2, 256), 7) - 0.5
    yield "davs_Decoder", decoder(code, draw((2, 160, 32, 32), 6) - 0.5, speech)
    speech = sound(draw((2, 1, 1, 20, 12), 8) * 20 - 10)[:, 0] * 1.5
    yield "davs_end_to_end_audio", decoder(seen[0], seen[3], speech)


def _davs_lips(seed: int) -> Entries:
    network = built(LipEncoder, seed)
    yield "davs_lip_feature_encoder", network(draw((1, 2, 3, 256, 256), 2))
    yield "davs_fan_heatmaps", network.model(draw((1, 3, 256, 256), 3))


def _davs_words(seed: int) -> Entries:
    yield "davs_model_fusion", built(WordClassifier, seed)(draw((2, 12, 256), 9) - 0.5)
    maps = draw((2, 1280, 64, 64), 10) - 0.5
    yield "davs_ID_lip_discriminator", built(IdentityWordJudge, seed)(maps)
    yield "davs_discriminator_audio", built(DomainJudge, seed)(draw((2, 3, 256), 15) - 0.5)


def _davs_judges(seed: int) -> Entries:
    for name, frames, draws in (("davs_netD", 1, (11, 12)), ("davs_netD_mul", 6, (13, 14))):
        network = built(lambda frames=frames: FaceJudge(frames), seed)
        faces = draw((2, 3 * frames, 256, 256), draws[0])
        patch, mouth = network(faces, draw((2, frames, 20, 12), draws[1]) * 20 - 10)
        yield f"{name}.patch", patch
        yield f"{name}.mouth_audio", mouth


SENTENCES = [[2, 17, 250, 999, 4, 31, 8], [2, 5, 600, 77, 1, 1, 1]]
TARGETS = [[17, 250, 999, 4, 31, 8, 2], [5, 600, 77, 2, 1, 1, 1]]
IN_TINY = {250: 25, 999: 39, 600: 6, 77: 7}  # tokens that a vocabulary of 40 does not have


def _sentence_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sound, mouths and padding: the second clip ends after nine of twelve frames."""
    padding = torch.zeros(2, 12, dtype=torch.bool)
    padding[1, 9:] = True
    mouths = (draw((2, 1, 12, 88, 88), 2) - 0.421) / 0.165
    return draw((2, 104, 12), 1) * 4 - 2, mouths, padding


def _tokens(rows: list[list[int]], size: str) -> torch.Tensor:
    if size == "tiny":
        rows = [[IN_TINY.get(token, token) for token in row] for row in rows]
    return torch.tensor(rows)


def _lip_reader(size: str) -> Check:
    name = f"avhubert_{size}_s2s"

    def run(seed: int) -> Entries:
        reader = built(lambda: LipReader(**SIZES[size]), seed)
        sound, mouths, padding = _sentence_inputs()
        resnet = reader.encoder.w2v_model.feature_extractor_video.resnet
        seen = reader.encoder(None, mouths, padding)
        yield f"{name}.resnet", resnet(mouths[:1])
        yield f"{name}.encoder_audio", reader.encoder(sound, None, padding).transpose(0, 1)
        yield f"{name}.encoder_video", seen.transpose(0, 1)
        yield f"{name}.encoder_both", reader.encoder(sound, mouths, padding).transpose(0, 1)
        logits = reader.decoder(_tokens(SENTENCES, size), seen, padding)
        yield f"{name}.logits", logits
        reading = reading_loss(logits, _tokens(TARGETS, size))
        yield f"{name}.loss_nll_correct_total", torch.stack([x.float() for x in reading])
        for beam in (1, 5) if size == "base" else ():
            for clip in range(2):
                found = beam_search(reader.decoder, seen[clip], padding[clip], beam=beam)
                yield f"{name}.beam{beam}_clip{clip}.score", torch.tensor([found[0].score])
        gradient = _gradient(reader, mouths[:, :, :6].clone(), size)
        yield f"{name}.video_gradient_norms", gradient.flatten(1).norm(dim=1)
        yield f"{name}.video_gradient", gradient[0, 0, 2, 40:48, 40:48]

    return Check("talklip", (f"{name}.",), run)


def _gradient(reader: LipReader, mouths: torch.Tensor, size: str) -> torch.Tensor:
    """Of the reading loss, by the pictures."""
    reader.requires_grad_(False)
    mouths = mouths.requires_grad_()
    with torch.enable_grad():
        logits = reader(_tokens(SENTENCES, size), mouths=mouths)
        reading_loss(logits, _tokens(TARGETS, size)).loss.backward()
    return mouths.grad


def _talklip(seed: int) -> Entries:
    network = built(TalkLipGenerator, seed)
    sound, _, padding = _sentence_inputs()
    frames = torch.tensor([0, 3, 5, 11, 12, 16, 20])
    heard = network.hear(sound, padding)
    yield "talklip_generator.audio_embedding", heard.transpose(0, 1)
    yield "talklip_generator.audio_code", network.audio_map(heard.flatten(0, 1)[frames])
    faces = draw((7, 6, 96, 96), 3)
    yield "talklip_generator.face", network(sound, faces, frames, padding)
    mouths = nn.functional.normalize(draw((12, 768), 6) - 0.5, dim=1)
    with np.load(DATA / "golden_relatives_features.npz") as drawn:
        negatives = torch.from_numpy(drawn["talklip_contrastive.negatives"])
    loss = contrastive_loss(network.sync_net(draw((12, 768), 7) - 0.5), mouths, negatives)
    yield "talklip_contrastive.loss", loss[None]


def _talklip_discriminator(seed: int) -> Entries:
    network, faces = built(VisualQualityDiscriminator, seed), draw((3, 3, 96, 96), 4)
    yield "talklip_discriminator.pred", network(faces)
    yield "talklip_discriminator.perceptual", network.perceptual_loss(faces)[None]


CHECKS = {
    "lipgan_basic_mel": _lipgan_generator("basic", "mel"),
    "lipgan_basic_mfcc": _lipgan_generator("basic", "mfcc"),
    "lipgan_residual_mel": _lipgan_generator("residual", "mel"),
    "lipgan_residual_mfcc": _lipgan_generator("residual", "mfcc"),
    "lipgan_judge_mel": _lipgan_judge("mel"),
    "lipgan_judge_mfcc": _lipgan_judge("mfcc"),
    "davs_faces": Check(
        "davs",
        ("davs_ID_encoder.", "davs_mfcc_encoder", "davs_Decoder", "davs_end_to_end_audio"),
        _davs_faces,
    ),
    "davs_lips": Check("davs", ("davs_lip_feature_encoder", "davs_fan_heatmaps"), _davs_lips),
    "davs_words": Check(
        "davs",
        ("davs_model_fusion", "davs_ID_lip_discriminator", "davs_discriminator_audio"),
        _davs_words,
    ),
    "davs_judges": Check("davs", ("davs_netD.", "davs_netD_mul."), _davs_judges),
    "lip_reader_tiny": _lip_reader("tiny"),
    "lip_reader_base": _lip_reader("base"),
    "lip_reader_large": _lip_reader("large"),
    "talklip_generator": Check("talklip", ("talklip_generator.", "talklip_contrastive."), _talklip),
    "talklip_discriminator": Check("talklip", ("talklip_discriminator.",), _talklip_discriminator),
}
FAMILIES = ("lipgan", "davs", "talklip")


def compare(check: Check, golden: dict[str, np.ndarray], seed: int) -> Iterator[tuple[str, str]]:
    """(entry, what is wrong with it or "") of each entry of the check that the file holds."""
    missing = {
        name
        for name in golden
        if name.startswith(check.prefixes) and not name.endswith((".shape", ".tokens"))
    }
    with torch.no_grad():
        for name, output in check.run(seed):
            if name in missing:
                missing.remove(name)
                yield name, _fault(golden, name, output.detach().numpy())
    for name in sorted(missing):
        yield name, "is of no output that this script knows"


def _fault(golden: dict[str, np.ndarray], name: str, found: np.ndarray) -> str:
    expected, shape = golden[name], tuple(golden[f"{name}.shape"])
    if found.shape != shape:
        return f"has shape {found.shape}, not {shape}"
    if found.size > THINNED_FROM:
        found = found.reshape(-1)[:: max(1, found.size // THINNED_TO)]
    error = np.abs(found - expected).max()
    allowed = TOLERANCE * max(1, np.abs(expected).max())
    print(f"  {name:<48} {error:.1e} of {allowed:.1e}")
    return "" if error <= allowed else f"is off by {error:.1e}; {allowed:.1e} is allowed"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden_relatives", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "golden", type=Path, nargs="?", default=DATA / "golden_relatives.npz", help="default: ours"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the weights; default 0")
    parser.add_argument("--only", choices=FAMILIES, help="the networks of one family")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        with np.load(args.golden) as file:
            golden = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        print(f"error: cannot read {args.golden}: {error}", file=sys.stderr)
        return 1
    chosen = {
        name: check
        for name, check in CHECKS.items()
        if args.only in (None, check.family)
        and any(entry.startswith(check.prefixes) for entry in golden)
    }
    if not chosen:
        print(f"error: {args.golden} has no entry of these networks", file=sys.stderr)
        return 1
    faults = []
    for name, check in chosen.items():
        print(name, flush=True)
        faults += [
            f"{entry} {fault}" for entry, fault in compare(check, golden, args.seed) if fault
        ]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
