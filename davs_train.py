"""Train DAVS: faces whose identity says nothing of the word, and whose speech nothing of the face.

python davs_train.py --what words --data_root words/ --checkpoint_dir runs/words
python davs_train.py --what pictures --data_root words/ --checkpoint_dir runs/pictures \
    --checkpoint_path runs/words/checkpoint_best.pth
python davs_train.py --what faces --data_root words/ --checkpoint_dir runs/davs \
    --checkpoint_path runs/pictures/checkpoint_best.pth

First what is said is learnt from lips and from sound, as words; then faces are painted from an
identity and what is said, against judges. In between, painting alone may be learnt, which is many
times as fast. The words: preprocess.py --layout lrw, or
synthesis.make_corpus --words 50.
"""

import argparse
import logging
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from hparams import DavsHParams
from models.checkpoint import CheckpointError
from models.davs.whole import DAVS, DAVSJudges, without_judges
from training.davs_losses import (
    contrastive_loss,
    judged_as,
    picture_losses,
    soft_labels,
    temporal_loss,
    uniform_loss,
)
from training.davs_networks import Faces, Judging, Painting, freeze_unused
from training.davs_pictures import PictureTrainer
from training.engine.cli import add_run_arguments, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.gan import Gan, add_judge_argument, judge_numbers, load_judge
from training.word_reading import WordTrainer
from training.word_samples import draw_faces
from training.word_session import WordSession, add_word_arguments, open_word_session
from training.word_windows import FaceWindows, WordWindows

log = logging.getLogger(__name__)

WHAT = ("words", "pictures", "faces")
SCRIPT = "davs_train --what {}"  # whose runs go on
SPEECH = ("mfcc_encoder", "lip_feature_encoder", "model_fusion")  # parts that words teach
BY = ("both", "lips", "sound")


class FaceTrainer:
    """Painter and judges: words leave identity, and what is heard is made one with what is seen."""

    def __init__(self, runtime: Runtime, hp: DavsHParams, words: int, samples: FaceWindows):
        self.runtime, self.hp, self.samples, self.step = runtime, hp, samples, 0
        painter = build_painter(words, hp)
        painter.lip_feature_encoder.drop_out(hp.lip_dropout)
        judges = DAVSJudges(
            words, painter.picture_multiplier, identity_frames=hp.identity_frames,
            judge_frames=hp.judge_frames, size=hp.img_size,
        )  # fmt: skip
        self.gan = Gan(
            self.made_to_learn(painter, Painting, hp.initial_learning_rate, hp),
            self.made_to_learn(judges, Judging, hp.disc_initial_learning_rate, judge_numbers(hp)),
        )
        self.learner = self.gan.generator

    def made_to_learn(self, network, called, rate: float, hp: DavsHParams) -> Learner:
        network = self.runtime.synced(self.runtime.place(network)).train()
        freeze_unused(network)
        if not hp.frame_gan and isinstance(network, DAVSJudges):
            network.netD.requires_grad_(False)  # it never looks
        groups = by_rate(network, rate, hp.speech_rate)
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.999), fused=self.runtime.fused)
        return Learner(network, optimizer, self.runtime, hp, called=called(network, hp))

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        for batch in self.gan.micro_batches(micro_batches):
            true = Faces.of(batch)
            with self.runtime.autocast():
                made = self.learner.call(true)
            # The painter: pictures, words, codes of sound and lips alike, judges deceived.
            terms = self.painter_terms(made, true) | self.deceiving_terms(made, true)
            terms["loss"] = self.loss(terms)
            self.learner.backward(terms["loss"], len(micro_batches))
            # The judges: true from made, sound from lips, words from identity.
            judged = self.judge_terms(made.detached(), true)
            self.gan.judge.backward(sum(judged.values()), len(micro_batches))
            means.add(terms | judged)
        return means.tensors() | self.gan.apply(self.step)

    def painter_terms(self, made, true: Faces) -> Values:
        """What needs no judge."""
        whole, mouth = zip(*(picture_losses(said, true.sequence) for said in made.both()),
                           strict=True)  # fmt: skip
        return {
            "whole": sum(whole),
            "mouth": sum(mouth),
            "temporal": temporal_loss(made.by_sound, true.identity),
            "contrastive": contrastive_loss(made.sounds.flatten(1), made.lips.flatten(1)),
            "word_sound": F.cross_entropy(made.word_by_sound, true.word),
            "word_lips": F.cross_entropy(made.word_by_lips, true.word),
        }

    def deceiving_terms(self, made, true: Faces) -> Values:
        """What the judges make the painter pay, while their own weights stand still."""
        with self.gan.frozen_judge() as judges, self.runtime.autocast():
            word = judges.ID_lip_discriminator(made.maps).float()
            domains = [
                judges.discriminator_audio.logits(c).float() for c in (made.sounds, made.lips)
            ]
            verdicts = [
                judge.logits(pictures, heard)
                for said in made.both()
                for judge, pictures, heard in self.shown(judges, said, true)
            ]
        real = [judged_as(part.float(), 1.0) for verdict in verdicts for part in verdict]
        return {
            "uniform": uniform_loss(word),
            "domain_fooled": judged_as(domains[0], 0.0) + judged_as(domains[1], 1.0),
            "gan": sum(real) / 2,  # over sound and lips
        }

    def shown(self, judges: DAVSJudges, faces: torch.Tensor, true: Faces):
        """What the picture judges look at: six frames in a row, and single ones where wanted."""
        yield judges.netD_mul, faces.flatten(1, 2), true.sequence_heard
        if self.hp.frame_gan:
            yield judges.netD, faces.flatten(0, 1), true.sequence_heard.flatten(0, 1)[:, None]

    def loss(self, terms: dict) -> torch.Tensor:
        hp = self.hp
        return (
            hp.whole_wt * terms["whole"]
            + hp.mouth_wt * terms["mouth"]
            + hp.temporal_wt * terms["temporal"]
            + hp.contrastive_wt * terms["contrastive"]
            + hp.uniform_wt * terms["uniform"]
            + hp.domain_wt * terms["domain_fooled"]
            + terms["gan"] + terms["word_sound"] + terms["word_lips"]
        )  # fmt: skip

    def judge_terms(self, made, true: Faces) -> Values:
        """What the judges pay, with labels that are soft on both sides."""
        real, fake = soft_labels(self.step, self.hp.label_softening)
        with self.runtime.autocast():
            verdicts = self.gan.judge.call(made, true)
        pictures = [judged_as(part, real) for part in verdicts["true"]]
        pictures += [judged_as(part, fake) / 2 for part in verdicts["made"]]  # sound's and lips'
        domains = judged_as(verdicts["sounds"], 1.0) + judged_as(verdicts["lips"], 0.0)
        return {
            "disc_pictures": sum(pictures),
            "disc_domain": domains / 2,
            "disc_word": F.cross_entropy(verdicts["word"], true.word),
        }

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Differences in levels, shares of words told right; "identity_tells": by identity."""
        network, judges = self.learner.eval_model.eval(), self.gan.judge.network.eval()
        means = Means()
        painting = Painting(network, self.hp)
        for batch in batches:
            true = Faces.of(batch)
            with self.runtime.autocast():
                made = painting(true)
                word = judges.ID_lip_discriminator(made.maps)
            values = self.painter_terms(made, true)
            logits = {"by_sound": made.word_by_sound, "by_lips": made.word_by_lips,
                      "identity_tells": word}  # fmt: skip
            for name, told in logits.items():
                values[name] = (told.argmax(dim=1) == true.word).float().mean()
            means.add(values, weight=len(true.word))
        self.learner.network.train()
        judges.train()
        values = means.read_all(self.runtime)
        return {**values, "score": values["whole"] + values["mouth"]}

    def draw_samples(self, folder: Path) -> None:
        network = self.learner.eval_model.eval()
        draw_faces(Painting(network, self.hp), self.samples, self.runtime, folder)
        self.learner.network.train()

    def files(self) -> dict[str, dict]:
        return self.gan.files(self.hp)


def build_painter(words: int, hp: DavsHParams) -> DAVS:
    return DAVS(
        words, hp.multiplier, picture_multiplier=hp.picture_multiplier,
        fusion_frames=hp.fusion_frames, judges=False, size=hp.img_size,
    )  # fmt: skip


def tells_words(name: str) -> bool:
    """Whether a weight of this name is of what words teach."""
    return name.split(".")[0] in SPEECH


def by_rate(network: torch.nn.Module, rate: float, speech_rate: float) -> list[dict]:
    """Groups for an optimizer: what tells words learns at a share of the rate."""
    learnt = [(n, weight) for n, weight in network.named_parameters() if weight.requires_grad]
    taught = [weight for name, weight in learnt if tells_words(name)]
    others = [weight for name, weight in learnt if not tells_words(name)]
    groups = [{"params": taught, "lr": rate * speech_rate}, {"params": others, "lr": rate}]
    return [group for group in groups if group["params"]]


def train(args: argparse.Namespace) -> Path:
    start = read_start(args, "davs", SCRIPT.format(args.what), DavsHParams)
    with start.open_runtime(args) as runtime:
        heard = args.what == "words" and args.by == "sound"
        session = open_word_session(args, runtime, start, sound_alone=heard)
        trains = {"words": train_words, "pictures": train_pictures, "faces": train_faces}
        return trains[args.what](session)


def train_words(session: WordSession) -> Path:
    """Returns the path of the last checkpoint."""
    hp, by = session.hp, session.args.by
    trainer = WordTrainer(session.runtime, hp, len(session.train.words), by)
    take_apart(session, trainer.learner.network)
    session.start.load(trainer.learner)
    wanted = {"faces": by != "sound", "sound": by != "lips"}
    windows = WordWindows(session.train.clips, hp, session.seed, vary=True,
                          sounds=session.sounds(), **wanted)  # fmt: skip
    unseen = WordWindows(session.val.clips, hp, session.seed, vary=False, **wanted)
    return session.run(trainer, windows, unseen)


def train_pictures(session: WordSession) -> Path:
    """Returns the path of the last checkpoint."""
    windows, unseen = face_windows(session)
    painter = build_painter(len(session.train.words), session.hp)
    trainer = PictureTrainer(session.runtime, session.hp, painter, unseen)
    take_apart(session, painter)
    session.start.load(trainer.learner)
    return session.run(trainer, windows, unseen)


def train_faces(session: WordSession) -> Path:
    """Returns the path of the last checkpoint."""
    windows, unseen = face_windows(session)
    trainer = FaceTrainer(session.runtime, session.hp, len(session.train.words), unseen)
    judges = take_apart(session, trainer.learner.network)
    session.start.load(trainer.learner)
    if judges:
        trainer.gan.judge.network.load_state_dict(judges)
    else:
        load_judge(session, trainer.gan.judge, "davs_judges")
    return session.run(trainer, windows, unseen)


def face_windows(session: WordSession) -> tuple[FaceWindows, FaceWindows]:
    """What is learnt from, and what is validated with."""
    train = FaceWindows(session.train.clips, session.hp, session.seed, vary=True)
    return train, FaceWindows(session.val.clips, session.hp, session.seed, vary=False)


def take_apart(session: WordSession, network: DAVS) -> dict:
    """Leave a file's judges, which published ones hold too, out of what is loaded; they are these.

    Of a file that paints at another width only what tells words is taken, and `network` keeps the
    rest of its own. Raises CheckpointError where the file knows other words than the corpus.
    """
    checkpoint = session.start.checkpoint
    if checkpoint is None:
        return {}
    known = len(checkpoint.state_dict["model_fusion.fc_2.weight"])
    if known != len(session.train.words):
        raise CheckpointError(
            f"{checkpoint.path} knows {known} words, {session.args.data_root} has "
            f"{len(session.train.words)}; a corpus of as many is needed to go on from it"
        )
    weights, judges = without_judges(checkpoint.state_dict)
    own, painted = network.state_dict(), "Decoder.deconv1_1_bn.weight"
    if weights[painted].shape != own[painted].shape:
        log.info("%s paints at another width: only what tells words is taken", checkpoint.path)
        spoken = {name: value for name, value in weights.items() if tells_words(name)}
        weights, judges = own | spoken, {}
    session.start.checkpoint = replace(checkpoint, state_dict=weights)
    return judges


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--what", choices=WHAT, default="faces", help="what to train")
    add("--by", choices=BY, default="both", help="words: what they are told by")
    add_word_arguments(parser)
    add_judge_argument(parser)
    add_run_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.what != "words" and args.sounds:
        parser.error("--sounds teach to hear words: for --what words alone")
    if args.what != "faces" and args.disc_checkpoint_path:
        parser.error(f"--what {args.what} has no judge: --disc_checkpoint_path is for --what faces")
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
