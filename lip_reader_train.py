"""Train a lip reader: from the mouths of a sentence to its words, by attention with CTC beside it.

python lip_reader_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/reader

After AV-HuBERT's reader (Shi et al., ICLR 2022), narrow by default. With --lips_root it learns to
read lip motion before it learns to see it, which costs a CPU little (docs/training.md).
"""

import argparse
import logging
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from corpus.clips import read_corpus
from hparams import LipReaderHParams
from models.av_hubert import LipReader
from models.av_hubert.mouths import normalised
from models.av_hubert.open_reader import tokens_of
from models.av_hubert.tokens import Tokens
from training.engine.checkpoints import network_state
from training.engine.cli import UsageError, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.hearing_windows import measure_lips
from training.kept_looks import KeptLooks
from training.reading import LipsIn, ReaderInTraining, ReadingScore, read_batch, seeing_error
from training.sentences import (
    ADAPTING,
    LIPS,
    READING,
    SEEING,
    Sentence,
    StagedSentences,
    UnseenSentences,
    find_sentences,
    stage_of,
    tell_unknown,
)
from training.session import VALIDATION_SEED, Session, open_session, training_parser

log = logging.getLogger(__name__)

SCRIPT = "lip_reader_train"
BETAS = (0.9, 0.98)
LEAST_CHARACTERS = 2000  # of text, under which pieces of words are no better than characters


class LipReaderTrainer:
    """The reader, and beside it what lets it read lip motion while it cannot see."""

    def __init__(
        self, runtime: Runtime, hp: LipReaderHParams, reader: LipReader, sentences: StagedSentences
    ):
        self.runtime, self.hp, self.tokens = runtime, hp, sentences.tokens
        self.step = 0
        reader = runtime.synced(runtime.place(reader)).train()
        self.looks = KeptLooks(sentences, reader.encoder.w2v_model.feature_extractor_video)
        self.lips_in = runtime.place(LipsIn(reader.embed_dim))
        self.in_training = ReaderInTraining(
            reader, self.lips_in, hp, several=runtime.world_size > 1
        ).train()
        trained = [*reader.parameters(), *self.lips_in.parameters()]
        optimizer = torch.optim.Adam(
            trained, lr=hp.initial_learning_rate, betas=BETAS, fused=runtime.fused
        )
        self.learner = Learner(
            reader, optimizer, runtime, hp, called=self.in_training, auxiliary=self.lips_in
        )
        self.learner.notes = {"tokens": self.tokens.state_dict(), "view": "face", "hears": False}

    def learn_scale(self, mean: np.ndarray, spread: np.ndarray) -> None:
        """Of the lips' numbers, at the start of a training."""
        self.lips_in.mean.copy_(torch.from_numpy(mean))
        self.lips_in.spread.copy_(torch.from_numpy(spread))

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means, stage = Means(), stage_of(self.step, self.hp)
        for batch in self.learner.micro_batches(micro_batches):
            if stage == ADAPTING:  # codes of whole clips, (B, T, width)
                batch = batch | {"seen": self.looks.of(batch["look"], batch["lips"].shape[1])}
            with self.runtime.autocast():
                values = self.learner.call(batch, stage)
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        self.rest_idle(stage)
        return means.tensors() | self.learner.apply(self.step)

    def rest_idle(self, stage: str) -> None:
        """What takes no part in a stage is not moved by Adam's memory of it either."""
        eyes = self.learner.network.encoder.w2v_model.feature_extractor_video
        idle = {LIPS: [eyes], ADAPTING: [eyes, self.lips_in], READING: [self.lips_in]}.get(stage)
        if idle is None:  # seeing: what was learnt of lip motion stays as it is
            idle = [self.learner.network, self.lips_in]
        kept = set(eyes.parameters()) if stage == SEEING else set()
        for module in idle:
            for parameter in module.parameters():
                if parameter not in kept:
                    parameter.grad = None

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Errors of what is read; while lip motion is learnt, of reading that."""
        reader, score, means = self.learner.eval_model.eval(), ReadingScore(), Means()
        eyes = reader.encoder.w2v_model.feature_extractor_video
        stage = stage_of(max(0, self.step - 1), self.hp)
        for batch in batches:
            known = ~batch["lips"][..., 0].isnan()
            with self.runtime.autocast():
                seen = lips = self.lips_in(batch["lips"].nan_to_num())
                if stage != LIPS:
                    seen = eyes(normalised(batch["mouths"][:, None]))
                read = read_batch(reader, seen, batch, self.tokens)
            if stage != LIPS and self.in_training.knows_lips and known.any():
                means.add({"seeing": seeing_error(seen, lips, known)}, int(known.sum()))
            score.add(read, [self.tokens.decode(row) for row in batch["tokens"].tolist()])
        self.learner.network.train()
        scores = score.read(self.runtime) | means.read_all(self.runtime)
        if self.runtime.is_first:
            for words, found in score.shown:
                log.info("said: %s | read: %s", words, found)
        # A later stage's reader is the better one, whatever an earlier one's number was.
        return scores | {"score": scores["wer"] + {LIPS: 20, SEEING: 10}.get(stage, 0)}

    def draw_samples(self, folder: Path) -> None:
        """What is read stands in the log."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def train(args: argparse.Namespace) -> Path:
    start = read_start(args, "lip_reader", SCRIPT, LipReaderHParams)
    with start.open_runtime(args) as runtime:
        return train_reader(open_session(args, runtime, start))


def train_reader(session: Session) -> Path:
    """Returns the path of the last checkpoint."""
    hp, runtime = session.hp, session.runtime
    seen = find_sentences(session.train.clips, hp.longest, "train")
    unseen = find_sentences(session.val.clips, hp.longest, "val")
    heard = find_heard(session)
    tokens = choose_tokens(session, seen + heard)
    tell_unknown(tokens, {one.clip.name: one.words for one in seen + heard + unseen})
    sentences = StagedSentences(seen, heard, hp, tokens, session.seed)
    trainer = LipReaderTrainer(runtime, hp, build_reader(session, tokens), sentences)
    if hp.lips_steps or hp.seeing_steps:
        trainer.learn_scale(*measure_lips([one.clip for one in heard or seen]))
    trainer.in_training.knows_lips = knows_lips(session)
    trainer.learner.notes |= terms_of(session)
    session.start.load(trainer.learner)
    stream = session.stream(sentences, hp.batch_size)
    held_out = UnseenSentences(unseen, (), hp, tokens, VALIDATION_SEED)
    validation = session.validation(held_out, hp.batch_size, hp.eval_batches)
    return session.run(trainer, stream, validation)


def knows_lips(session: Session) -> bool:
    """Whether lip motion has codes that eyes can be taught. Raises UsageError where they must be.

    They are no part of a reader, so that weights alone do not have them.
    """
    checkpoint, hp = session.start.checkpoint, session.hp
    known = bool(hp.lips_steps or (checkpoint and checkpoint.extra.get("update", {}).get("beside")))
    if hp.seeing_steps and not known:
        raise UsageError(
            "seeing_steps teach codes of lip motion that were learnt before: add lips_steps, or go "
            "on from a checkpoint_step file of a run that had some"
        )
    return known


def terms_of(session: Session) -> dict[str, str]:
    """Whose weights the run begins at is said in its files too."""
    checkpoint = session.start.checkpoint
    terms = checkpoint.extra.get("terms") if checkpoint else None
    return {"terms": terms} if terms else {}


def find_heard(session: Session) -> list[Sentence]:
    """Clips of --lips_root, of which the words and the lip motion are known and no picture is."""
    root, hp = session.args.lips_root, session.hp
    if root is None or not hp.lips_steps:
        return []
    corpus = session.runtime.from_first(
        lambda: read_corpus(root, root / "filelists" / "sounds.txt", hp, sound_alone=True)
    )
    log.info("lip motion: %s", corpus.summary("sound"))
    return find_sentences(corpus.clips, hp.longest, "lip motion")


def choose_tokens(session: Session, sentences: list[Sentence]) -> Tokens:
    """Those of the checkpoint, or learnt from the text."""
    if session.start.checkpoint:
        return tokens_of(session.start.checkpoint)
    texts, how = [one.words for one in sentences], session.args.tokenizer
    if how == "auto":
        enough = sum(map(len, texts)) >= LEAST_CHARACTERS
        how = "pieces" if enough and find_spec("sentencepiece") else "characters"
    if how == "characters":
        return session.runtime.from_first(lambda: Tokens.of_characters(texts))
    return session.runtime.from_first(lambda: Tokens.of_pieces(texts, session.hp.pieces))


def build_reader(session: Session, tokens: Tokens) -> LipReader:
    """As the checkpoint says, or as the hyperparameters do."""
    hp, checkpoint = session.hp, session.start.checkpoint
    log.info("%d tokens", len(tokens))
    if checkpoint:
        return LipReader(**{**checkpoint.shape(), "dropout": hp.dropout})
    return LipReader(
        hp.width, hp.hidden, hp.layers, hp.heads, decoder_layers=hp.decoder_layers,
        decoder_heads=hp.heads, vocabulary=len(tokens), position_kernel=hp.position_kernel,
        position_groups=hp.heads, resnet_multiplier=hp.multiplier, clusters=1,
        dropout=hp.dropout, front_end_gradient=1.0, keeps_places=hp.keeps_places, ctc=True,
    )  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = training_parser(__doc__.splitlines()[0])
    add = parser.add_argument
    add("--lips_root", type=Path, help="clips of make_corpus --sound_only, read in lips_steps")
    add("--tokenizer", choices=("auto", "pieces", "characters"), default="auto",
        help="pieces of words need sentencepiece; auto: where it is installed")  # fmt: skip
    return parser


def main(argv: list[str] | None = None) -> int:
    return run_script(build_parser(), argv, train)


if __name__ == "__main__":
    sys.exit(main())
