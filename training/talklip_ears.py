"""Ears for TalkLip: its encoder of sound learns to hear what a Wav2Lip generator hears.

The two generators paint with the same networks. So a TalkLip generator that hears like a trained
Wav2Lip generator begins as good as that one is, without a picture to learn from.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from audio import mel_windows
from corpus.clips import Clip
from features.logfbank import stacked_filterbank
from hparams import TalkLipHParams
from models.checkpoint import CheckpointError, read_checkpoint
from models.talkface import TalkFace
from models.talklip import TalkLipGenerator
from training.engine.checkpoints import network_state
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.session import VALIDATION_SEED, Session
from training.talklip_data import FPS, read_levels
from training.windows import Sample, Windows

PAINTERS = ("face_encoder_blocks", "face_decoder_blocks", "output_block")
EARS = ("audio_encoder", "audio_map")


class EarPieces(Windows):
    """hp.ear_frames frames of one clip's sound, as both generators are given it.

    sound: (104, frames); mels: (frames, num_mels, 16); known: (frames,), False after the end.
    """

    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        sound, count = stacked_filterbank(read_levels(clip)), self.hp.ear_frames
        mels = mel_windows(clip.read_mel(), FPS, self.hp, frames=sound.shape[1])
        first = int(random.integers(max(0, len(mels) - count) + 1))
        sound, mels = sound[:, first : first + count], mels[first : first + count]
        missing = count - len(mels)
        return {
            "sound": np.pad(sound, ((0, 0), (0, missing))),
            "mels": np.pad(mels, ((0, missing), (0, 0), (0, 0))),
            "known": np.arange(count) < len(mels),
        }


class EarsTrainer:
    """Codes of whole sentences become those that a Wav2Lip generator has of 0.2 s each."""

    def __init__(
        self, runtime: Runtime, hp: TalkLipHParams, generator: TalkLipGenerator, teacher: TalkFace
    ):
        self.runtime, self.hp, self.step = runtime, hp, 0
        self.teacher = runtime.place(teacher).eval().requires_grad_(False)
        generator = runtime.place(generator).requires_grad_(False)
        self.ears = [getattr(generator, name).requires_grad_(True) for name in EARS]
        learnt = [weight for weight in generator.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(learnt, lr=hp.initial_learning_rate, fused=runtime.fused)
        self.learner = Learner(generator, optimizer, runtime, hp)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        self.learner.network.eval()  # what paints keeps its norms
        for part in self.ears:
            part.train()
        for batch in micro_batches:
            # Sound (B, 104, T) and its windows of mel (B, T, 80, 16) to codes (B, T, 512) each.
            error, variance = self.errors(self.learner.network, batch)
            # The share of the teacher's variance that is not heard.
            loss = error / variance
            self.learner.backward(loss, len(micro_batches))
            means.add({"loss": loss})
        # The encoder's eyes and its unused heads have none: no wrapper could wait for theirs.
        self.runtime.average_gradients(self.learner.network.parameters())
        return means.tensors() | self.learner.apply(self.step)

    def errors(
        self, generator: TalkLipGenerator, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean squares over what is known: of the error, and of the teacher about its mean."""
        known = batch["known"]
        with self.runtime.autocast():
            with torch.no_grad():
                codes = self.teacher.audio_encoder(batch["mels"].flatten(0, 1)[:, None])
            heard = generator.audio_map(generator.hear(batch["sound"], ~known))[known].float()
        codes = codes.float().flatten(1).unflatten(0, known.shape)[known]
        return (heard - codes).square().mean(), (codes - codes.mean(dim=0)).square().mean()

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The share of the codes' variance that is missed, "unheard": 1 knows only their mean."""
        generator, means = self.learner.eval_model.eval(), Means()
        for batch in batches:
            error, variance = self.errors(generator, batch)
            means.add({"error": error, "variance": variance}, weight=int(batch["known"].sum()))
        values = means.read_all(self.runtime)
        unheard = values["error"] / values["variance"]
        return {"unheard": unheard, "score": unheard}

    def draw_samples(self, folder: Path) -> None:
        """What is heard makes no pictures by itself."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def train_ears(session: Session, generator: TalkLipGenerator, painter: Path) -> Path:
    """Returns the path of the last checkpoint, a whole generator that paints as `painter` does."""
    hp = session.hp
    trainer = EarsTrainer(session.runtime, hp, generator, begin_as(generator, painter))
    session.start.load(trainer.learner)
    pieces = EarPieces(session.train.clips, hp, session.seed)
    unseen = EarPieces(session.val.clips, hp, VALIDATION_SEED)
    stream = session.stream(pieces, hp.batch_size)
    validation = session.validation(unseen, hp.batch_size, hp.eval_batches)
    return session.run(trainer, stream, validation)


def begin_as(generator: TalkLipGenerator, painter: Path) -> TalkFace:
    """The teacher, whose painting weights the generator now has. Raises CheckpointError."""
    teacher = read_checkpoint(painter, "generator").build()
    given = {
        name: value
        for name, value in teacher.state_dict().items()
        if name.split(".")[0] in PAINTERS
    }
    try:
        generator.load_state_dict(given, strict=False)
    except RuntimeError as error:
        raise CheckpointError(
            f"{painter} paints {teacher.height}x{teacher.width} faces, {teacher.multiplier:g} as "
            "wide as the published: give --hparams the same img_height, img_width and multiplier"
        ) from error
    return teacher
