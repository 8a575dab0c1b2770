"""Train TalkLip: a generator that hears whole sentences and must be readable to a lip reader.

python talklip_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/talklip \
    --reader runs/reader/checkpoint_best.pth --train_audio_encoder
python talklip_train.py --what ears --painter talkface.safetensors --data_root sounds/ \
    --reader runs/reader/checkpoint_best.pth --checkpoint_dir runs/ears

Ears come first where there is a trained Wav2Lip generator to begin as: TalkLip's encoder of sound
learns to hear as that one does, and --checkpoint_path runs/ears/... then begins at its faces.
"Seeing What You Said: Talking Face Generation Guided by a Lip Reading Expert" (Wang et al.,
CVPR 2023). Instead of --data_root it takes the folders of TalkLip's own preparation.
"""

import argparse
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from hparams import TalkLipHParams
from models.av_hubert.lip_reader import ENCODER_ARGUMENTS
from models.av_hubert.open_reader import Reader, open_reader
from models.inputs import generator_input, lower_half, to_images
from models.quality_discriminator import VisualQualityDiscriminator
from models.talklip import TalkLipGenerator
from training.engine.cli import UsageError, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.gan import Gan, add_judge_argument, judge_numbers, load_judge
from training.generator_terms import laplacian_variance
from training.sentences import find_sentences, tell_unknown
from training.session import (
    VALIDATION_SEED,
    Session,
    open_session,
    open_sound_session,
    training_parser,
)
from training.talklip_data import Spoken, Trees, crop_sentences, find_tree_sentences
from training.talklip_ears import train_ears
from training.talklip_terms import Curriculum, Listener, Made, make_faces
from training.talklip_windows import SHORTEST, TalkLipSentences, UnseenTalkLipSentences

log = logging.getLogger(__name__)

SCRIPT = "talklip_train"  # whose runs go on
EARS_SCRIPT = "talklip_train --what ears"
BETAS = (0.5, 0.999)
LAST_LAYERS = 3  # of the encoder of sound, that learn from stage 1 on: 9 to 11 of 12
MOST_SKIPPED = 20  # batches in a row that do not fit, after which a run ends
TREES = ("video_root", "audio_root", "bbx_root", "word_root")


class TalkLipTrainer:
    """The generator pays for pictures, for looking made, and for words that cannot be read."""

    def __init__(
        self,
        runtime: Runtime,
        hp: TalkLipHParams,
        reader: Reader,
        samples,
        args: argparse.Namespace,
    ):
        self.runtime, self.hp, self.samples = runtime, hp, samples
        self.contrastive, self.all_ears = args.contrastive, args.train_audio_encoder
        self.step, self.skipped, self.skipped_in_a_row = 0, 0, 0
        self.listener = Listener(reader, runtime, hp)
        self.curriculum = Curriculum(hp.first_stage, hp.patience)
        generator = runtime.synced(runtime.place(build_generator(reader, hp)))
        optimizer = torch.optim.Adam(
            generator.parameters(), lr=hp.initial_learning_rate, betas=BETAS, fused=runtime.fused
        )
        judge = runtime.place(
            VisualQualityDiscriminator(hp.img_height, hp.img_width, hp.multiplier)
        )
        judge_optimizer = torch.optim.Adam(
            judge.parameters(), lr=hp.disc_initial_learning_rate, betas=BETAS, fused=runtime.fused
        )
        self.gan = Gan(
            Learner(generator, optimizer, runtime, hp),
            Learner(judge, judge_optimizer, runtime, judge_numbers(hp)),
        )
        if reader.terms:  # the encoder of sound is its publisher's
            self.learner.notes = {"terms": reader.terms}
        self.last: Values = {name: torch.zeros(()) for name in ("loss", "l1")}

    @property
    def learner(self) -> Learner:
        return self.gan.generator

    @property
    def finished(self) -> bool:
        """Whether the last stage has come to its end."""
        return self.curriculum.is_through

    def train_step(self, micro_batches: list[Batch]) -> Values:
        """One update of both networks; none where the batch does not fit the GPU's memory."""
        fits, means = True, Means()
        self.choose_learners()
        try:
            for batch in micro_batches:
                means.add(self.learn_from(batch, len(micro_batches)))
        except torch.OutOfMemoryError:
            fits = False
        if self.runtime.any(not fits):  # in one process: then all leave this step out
            self.skip()
        else:
            self.skipped_in_a_row = 0
            for learner in (self.gan.generator, self.gan.judge):
                self.runtime.average_gradients(learner.network.parameters())
            self.last = means.tensors() | self.gan.apply(self.step)
        counted = {"skipped_batches": self.skipped, "stage": self.curriculum.stage}
        return self.last | {name: torch.tensor(float(n)) for name, n in counted.items()}

    def choose_learners(self) -> None:
        """Train mode and gradients for what learns in this stage, and for nothing else."""
        self.gan.judge.network.requires_grad_(True)  # also after a batch that did not fit
        generator = self.learner.network.train()
        ears = generator.audio_encoder
        ears.requires_grad_(self.all_ears)
        ears.train(self.all_ears)  # frozen, it has no dropout either
        if not self.all_ears and self.curriculum.stage >= 1:
            for layer in ears.w2v_model.encoder.layers[-LAST_LAYERS:]:
                layer.requires_grad_(True).train()

    def learn_from(self, batch: Batch, count: int) -> Values:
        """Add the gradients of one of `count` micro-batches to both networks; its terms."""
        frozen = not self.all_ears and self.curriculum.stage < 1
        with self.runtime.autocast():
            made = make_faces(self.learner.network, batch, frozen_ears=frozen)
        terms = self.picture_terms(made)
        if self.curriculum.is_read and (self.hp.lip_wt or self.contrastive):
            terms |= self.word_terms(batch, made)
        terms["loss"] = self.loss(terms, with_words=self.curriculum.is_read)
        self.learner.backward(terms["loss"], count)
        judged = self.judge_terms(made.faces.detach(), made.targets)
        self.gan.judge.backward(judged["disc_real"] + judged["disc_fake"], count)
        return terms | judged

    def picture_terms(self, made: Made) -> Values:
        """How far the faces are off, and what the discriminator does not believe."""
        with self.gan.frozen_judge() as judge, self.runtime.autocast():
            quality = judge.perceptual_loss(made.faces)
        return {"l1": F.l1_loss(made.faces.float(), made.targets), "quality": quality}

    def word_terms(self, batch: Batch, made: Made) -> Values:
        """What the lip reader cannot read off the sentences with these faces in them."""
        encoded = self.listener.encode(batch, made.faces)
        reading = self.listener.read(batch, encoded)
        terms = {"lip": reading.loss, "word_errors": 1 - reading.correct / reading.total}
        if self.contrastive:
            terms["contrast"] = self.listener.contrast(self.learner.network, batch, encoded, made)
        return terms

    def judge_terms(self, generated: torch.Tensor, targets: torch.Tensor) -> Values:
        """What the discriminator pays for true and for generated faces."""
        with self.runtime.autocast():
            logits = self.gan.judge.network.logits(torch.cat((targets, generated.float())))
        real, fake = logits.float().chunk(2)
        score = F.binary_cross_entropy_with_logits
        return {
            "disc_real": score(real, torch.ones_like(real)),
            "disc_fake": score(fake, torch.zeros_like(fake)),
        }

    def loss(self, terms: dict, *, with_words: bool):
        """From tensors or floats: words, quality and pictures share a weight of 1."""
        hp, words = self.hp, self.hp.lip_wt if with_words else 0.0
        total = (1 - words - hp.perp_wt) * terms["l1"] + hp.perp_wt * terms["quality"]
        if words:
            total = total + words * terms["lip"]
        if "contrast" in terms:
            total = total + hp.cont_wt * terms["contrast"]
        return total

    def skip(self) -> None:
        """Leave a batch out that does not fit; raises ValueError where that goes on and on."""
        self.skipped += 1
        self.skipped_in_a_row += 1
        for learner in (self.gan.generator, self.gan.judge):
            learner.optimizer.zero_grad(set_to_none=True)
        if self.runtime.device.type == "cuda":
            torch.cuda.empty_cache()
        log.warning("step %d: a batch does not fit into memory and is left out", self.step)
        if self.skipped_in_a_row >= MOST_SKIPPED:
            raise ValueError(
                f"{MOST_SKIPPED} batches in a row do not fit into memory: take a smaller "
                "batch_size, a larger grad_accum_steps, or leave long sentences out with longest"
            )

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        generator, means = self.learner.eval_model.eval(), Means()
        for batch in batches:
            with self.runtime.autocast():
                made = make_faces(generator, batch, frozen_ears=False)
            faces = made.faces.float()
            scores = self.picture_terms(Made(faces, made.targets, made.heard))
            scores["lower_l1"] = F.l1_loss(lower_half(faces), lower_half(made.targets))
            for name, shown in (("sharpness", faces), ("true_sharpness", made.targets)):
                scores[name] = laplacian_variance(lower_half(shown)[:, :, None])
            for name, shown in (("", faces), ("true_", None)):
                reading = self.listener.read(batch, self.listener.encode(batch, shown))
                scores[f"{name}lip"] = reading.loss
                scores[f"{name}word_errors"] = 1 - reading.correct / reading.total
            means.add(scores, weight=len(batch["lengths"]))
        self.learner.network.train()
        scores = means.read_all(self.runtime)
        # The discriminator's verdict changes with the discriminator: it cannot say what is best.
        pictures = {"l1": scores["l1"], "quality": 0.0, "lip": scores["lip"]}
        scores["score"] = self.loss(pictures, with_words=True)
        if self.curriculum.judge(scores["l1"]):
            log.info("step %d: stage %d begins", self.step, self.curriculum.stage)
        return scores | {"stage": self.curriculum.stage}

    @torch.inference_mode()
    def draw_samples(self, folder: Path) -> None:
        """A sheet a sentence: a row a frame, columns reference, masked, generated, truth."""
        folder.mkdir(parents=True, exist_ok=True)
        generator = self.learner.eval_model.eval()
        for number in range(min(4, len(self.samples))):
            batch = self.runtime.move(self.samples.collate([self.samples[number]]))
            with self.runtime.autocast():
                made = make_faces(generator, batch, frozen_ears=False)
            shown = generator_input(made.targets, batch["references"].movedim(-1, 1).float() / 255)
            masked, references = shown.split(3, dim=1)
            columns = [to_images(x) for x in (references, masked, made.faces, made.targets)]
            sheet = np.concatenate(
                [np.concatenate(row, axis=1) for row in zip(*columns, strict=True)]
            )
            cv2.imwrite(str(folder / f"{number}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 95])
        self.learner.network.train()

    def files(self) -> dict[str, dict]:
        files = self.gan.files(self.hp)
        files[""] |= {"curriculum": self.curriculum.state_dict(), "skipped_batches": self.skipped}
        return files

    def restore(self, extra: dict) -> None:
        """Where the curriculum stood."""
        self.curriculum.load_state_dict(extra["curriculum"])
        self.skipped = int(extra["skipped_batches"])


def build_generator(reader: Reader, hp: TalkLipHParams) -> TalkLipGenerator:
    """Its encoder of sound begins as the lip reader's encoder, of the same size."""
    expert = reader.network
    given = {name: expert.arguments[name] for name in ENCODER_ARGUMENTS}
    generator = TalkLipGenerator(hp.img_height, hp.img_width, hp.multiplier, **given)
    generator.audio_encoder.load_state_dict(expert.encoder.state_dict())
    return generator


def train(args: argparse.Namespace) -> Path:
    trees = trees_of(args)
    script = EARS_SCRIPT if args.what == "ears" else SCRIPT
    start = read_start(args, "talklip", script, TalkLipHParams)
    if start.hp.first_stage > Curriculum.LAST:
        raise UsageError(f"--hparams: first_stage is 0, 1 or 2, not {start.hp.first_stage}")
    with start.open_runtime(args) as runtime:
        if args.what == "ears":
            session = open_sound_session(args, runtime, start)
            generator = build_generator(open_reader(args.reader), start.hp)
            return train_ears(session, generator, args.painter)
        session = Session(args, start, runtime) if trees else open_session(args, runtime, start)
        torch.manual_seed(start.seed)
        return train_talklip(session, trees)


def trees_of(args: argparse.Namespace) -> Trees | None:
    """TalkLip's folders, all four, or None for our clips. Raises UsageError."""
    roots = [getattr(args, name) for name in TREES]
    if any(roots) == bool(args.data_root) or (any(roots) and not all(roots)):
        raise UsageError(f"give --data_root, or --{', --'.join(TREES)} together")
    return Trees(*roots) if all(roots) else None


def train_talklip(session: Session, trees: Trees | None) -> Path:
    """Returns the path of the last checkpoint."""
    hp, args = session.hp, session.args
    reader = open_reader(args.reader)
    refuse_unheard(session, reader)
    lists = find_lists(session, trees)
    tell_unknown(reader.tokens, {one.name: one.words for both in lists.values() for one in both})
    seed = session.seed
    windows = TalkLipSentences(lists["train"], hp, reader.tokens, reader.view, seed)
    unseen = UnseenTalkLipSentences(lists["val"], hp, reader.tokens, reader.view, VALIDATION_SEED)
    trainer = TalkLipTrainer(session.runtime, hp, reader, unseen, args)
    session.start.load(trainer.learner, trainer.restore)
    load_judge(session, trainer.gan.judge, "discriminator")
    stream = session.stream(windows, hp.batch_size)
    validation = session.validation(unseen, hp.batch_size, hp.eval_batches)
    refuse_illiterate(trainer, validation)
    return session.run(trainer, stream, validation)


def find_lists(session: Session, trees: Trees | None) -> dict[str, list[Spoken]]:
    """The sentences of train.txt and of val.txt, which TalkLip calls valid.txt."""
    hp, args = session.hp, session.args
    if trees is None:
        return {
            name: crop_sentences(
                find_sentences(corpus.clips, hp.longest, name), SHORTEST, hp.longest
            )
            for name, corpus in (("train", session.train), ("val", session.val))
        }
    unseen = next(
        (path for name in ("valid", "val") if (path := args.filelists / f"{name}.txt").is_file()),
        args.filelists / "val.txt",
    )
    lists = {"train": args.filelists / "train.txt", "val": unseen}
    return session.runtime.from_first(
        lambda: {
            name: find_tree_sentences(trees, path, SHORTEST, hp.longest)
            for name, path in lists.items()
        }
    )


def refuse_unheard(session: Session, reader: Reader) -> None:
    """A reader that was never given sound lends no ears."""
    if not (reader.hears or session.args.train_audio_encoder or session.start.checkpoint):
        raise UsageError(
            f"{session.args.reader} has never heard, so that its encoder of sound knows nothing: "
            "add --train_audio_encoder"
        )


def refuse_illiterate(trainer: TalkLipTrainer, validation: Iterable[Batch]) -> None:
    """Raises ValueError for a lip reader that cannot read the true sentences either."""
    hp, batch = trainer.hp, next(iter(validation))
    batch = trainer.runtime.move(batch)
    with torch.inference_mode():
        reading = trainer.listener.read(batch, trainer.listener.encode(batch, None))
    wrong = 1 - (reading.correct / reading.total).item()
    log.info("the lip reader has %.0f %% of the next words wrong in true sentences", 100 * wrong)
    if wrong > hp.expert_max_word_errors:
        raise ValueError(
            f"the lip reader cannot read this corpus: {wrong:.0%} of the next words are wrong in "
            "true sentences; train it on such clips, or raise expert_max_word_errors"
        )


def build_parser() -> argparse.ArgumentParser:
    parser = training_parser(__doc__.splitlines()[0], data_required=False)
    add = parser.add_argument
    add("--what", choices=("faces", "ears"), default="faces", help="what to train")
    add("--painter", type=Path, help="ears: the Wav2Lip generator that they are to hear like")
    add("--reader", type=Path, required=True, help="the lip-reading expert, ours or published")
    add("--contrastive", action="store_true", help="TalkLip's g+c: sound against its own mouths")
    add("--train_audio_encoder", action="store_true",
        help="the whole encoder of sound learns, from the first step on")  # fmt: skip
    add_judge_argument(parser)
    trees = parser.add_argument_group("TalkLip's folders, in --data_root's place")
    for name in TREES:
        trees.add_argument(f"--{name}", type=Path)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.what == "ears") != bool(args.painter):
        parser.error("--what ears needs --painter, the Wav2Lip generator to hear like"
                     if args.what == "ears" else "--painter is for --what ears")  # fmt: skip
    if args.what == "ears" and not args.data_root:
        parser.error("--what ears learns from the clips of --data_root")
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
