"""Train LipGAN's generator: on pictures alone, or against a judge of faces and sounds.

python lipgan_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/unet --generator_only
python lipgan_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/lipgan \
    --checkpoint_path runs/unet/checkpoint_best.pth

"Towards Automatic Face-to-Face Translation" (Prajwal et al., ACM Multimedia 2019).
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from features.registry import WINDOWS
from hparams import LipGanHParams
from models.inputs import lower_half
from models.lipgan import LipGANGenerator, LipGANJudge
from models.lipgan.generator import MODELS
from models.lipgan.hearing import window_name
from models.lipgan.layers import SOUND_SHAPES
from training.blendshapes import BlendshapeHead, require_truth
from training.engine.checkpoints import network_state
from training.engine.cli import UsageError, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime, open_runtime
from training.engine.start import Start, read_start
from training.gan import Gan, add_judge_argument, judge_numbers, load_judge
from training.generator_terms import laplacian_variance
from training.lipgan_samples import draw_samples
from training.lipgan_terms import Comparison, LipGanBatch, judge_scores, judge_terms, shape_terms
from training.lipgan_windows import LipGanWindows
from training.losses import contrastive
from training.session import VALIDATION_SEED, Session, open_session, training_parser

SCRIPT = "lipgan_train"
ALONE_SCRIPT = "lipgan_train --generator_only"  # whose runs go on by themselves
# What LipGAN's own scripts call our flags, and our numbers.
FLAGS = {
    "--logdir": "--checkpoint_dir",
    "--resume": "--checkpoint_path",
    "--resume_gen": "--checkpoint_path",
    "--resume_disc": "--disc_checkpoint_path",
}
NUMBERS = {
    "--batch_size": "batch_size",
    "--img_size": "img_size",
    "--epochs": "nepochs",
    "--checkpoint_freq": "checkpoint_interval",
}


class LipGanTrainer:
    """The generator pays for pictures and, beside a judge, for faces that do not fit the sound."""

    def __init__(
        self,
        runtime: Runtime,
        hp: LipGanHParams,
        network: dict,
        samples: LipGanWindows,
        *,
        with_judge: bool,
    ):
        """network: the generator's arguments."""
        self.runtime, self.hp, self.samples = runtime, hp, samples
        self.step = 0
        generator = runtime.synced(runtime.place(LipGANGenerator(**network))).train()
        rate = hp.initial_learning_rate if with_judge else hp.generator_only_learning_rate
        self.learner = Learner(generator, self.optimizer(generator, rate), runtime, hp)
        self.gan = None
        if with_judge:
            own = {name: value for name, value in network.items() if name != "model"}
            self.gan = Gan(self.learner, self.judge_learner(runtime.place(LipGANJudge(**own))))

    def judge_learner(self, judge: LipGANJudge) -> Learner:
        hp, head = judge_numbers(self.hp), None
        if hp.blendshape_wt:
            head = self.runtime.place(BlendshapeHead(*judge.feature_sizes))
        called = Comparison(judge, head, among=hp.batch_negatives)
        optimizer = self.optimizer(called, hp.disc_initial_learning_rate)
        return Learner(judge, optimizer, self.runtime, hp, called=called, auxiliary=head)

    def optimizer(self, network: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=rate, fused=self.runtime.fused)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        if self.judge_is_alone:
            return self.judge_step(micro_batches)
        means, learning = Means(), self.gan or self.learner
        for batch in learning.micro_batches(micro_batches):
            spoken = LipGanBatch.of(batch)
            with self.runtime.autocast():
                generated = self.learner.call(spoken.sound, spoken.face)
            terms = {"l1": F.l1_loss(generated.float(), spoken.target)}
            terms["loss"] = terms["l1"]
            if self.gan:
                terms["contrastive"] = self.contrastive(generated, spoken)
                terms["loss"] = terms["l1"] + self.hp.contrastive_wt * terms["contrastive"]
            self.learner.backward(terms["loss"], len(micro_batches))
            if self.gan:
                paid, judged = self.judge_loss(self.judged(generated.detach(), spoken), spoken)
                self.gan.judge.backward(paid, len(micro_batches))
                terms |= judged
            means.add(terms)
        return means.tensors() | learning.apply(self.step)

    def judge_step(self, micro_batches: list[Batch]) -> Values:
        """The judge learns from true and mis-paired sounds; the generator stays as it is."""
        means, judge = Means(), self.gan.judge
        for batch in judge.micro_batches(micro_batches):
            spoken = LipGanBatch.of(batch)
            loss, terms = self.judge_loss(self.judged(None, spoken), spoken)
            judge.backward(loss, len(micro_batches))
            means.add(terms | {"loss": loss})
        return means.tensors() | judge.apply(self.step)

    @property
    def judge_is_alone(self) -> bool:
        """Whether nobody pays as yet for what the judge says."""
        first = max(self.hp.judge_warmup_steps, self.hp.blendshape_warmup_steps)
        return self.gan is not None and self.step < first

    def judge_loss(self, said: Values, spoken: LipGanBatch) -> tuple[torch.Tensor, Values]:
        """The judge's: of comparing, once its time has come, and of blendshapes; and its parts."""
        terms, shapes = judge_terms(said), shape_terms(said, spoken.shapes)
        comparing = terms["judge"]
        if self.step < self.hp.blendshape_warmup_steps:
            comparing = 0 * comparing
        return comparing + self.hp.blendshape_wt * sum(shapes.values()), terms | shapes

    def contrastive(self, generated: torch.Tensor, spoken: LipGanBatch) -> torch.Tensor:
        """What the generator pays for faces that lie far from the sound they should speak."""
        with self.gan.frozen_judge() as judge, self.runtime.autocast():
            return contrastive(judge(spoken.sound, generated), wrong=False)

    def judged(self, generated: torch.Tensor | None, spoken: LipGanBatch) -> Values:
        """What the judge says of true, mis-paired and generated pairs."""
        more = self.hp.batch_negatives or self.hp.blendshape_wt
        references = spoken.face[:, :3] if more else None
        with self.runtime.autocast():
            return self.gan.judge.call(
                spoken.sound, spoken.wrong_sound, spoken.target, generated, spoken.sounds,
                references,
            )  # fmt: skip

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        generator, means = self.learner.eval_model.eval(), Means()
        for batch in batches:
            spoken, scores, generated = LipGanBatch.of(batch), {}, None
            if not self.judge_is_alone:
                with self.runtime.autocast():
                    generated = generator(spoken.sound, spoken.face).float()
                scores = self.scores(generated, spoken)
            if self.gan:
                said = self.judged(generated, spoken)
                scores |= judge_terms(said) | judge_scores(said) | shape_terms(said, spoken.shapes)
            means.add(scores, weight=len(spoken.target))
        self.learner.network.train()
        scores = means.read_all(self.runtime)
        # The judge's verdict changes with the judge: it cannot say what is best.
        return scores | {"score": 1 + scores["judge"] if self.judge_is_alone else scores["l1"]}

    def scores(self, generated: torch.Tensor, spoken: LipGanBatch) -> dict[str, torch.Tensor]:
        lower, true_lower = lower_half(generated), lower_half(spoken.target)
        return {
            "l1": F.l1_loss(generated, spoken.target),
            "lower_l1": F.l1_loss(lower, true_lower),
            "sharpness": laplacian_variance(lower[:, :, None]),
            "true_sharpness": laplacian_variance(true_lower[:, :, None]),
        }

    def draw_samples(self, folder: Path) -> None:
        if self.judge_is_alone:
            return
        draw_samples(self.learner.eval_model.eval(), self.samples, self.runtime, folder)
        self.learner.network.train()

    def files(self) -> dict[str, dict]:
        if self.gan:
            return self.gan.files(self.hp)
        return {"": network_state(self.learner, self.hp)}


def train(args: argparse.Namespace) -> Path:
    rate = "generator_only_learning_rate" if args.generator_only else "initial_learning_rate"
    given = {name: getattr(args, flag[2:]) for flag, name in NUMBERS.items()} | {rate: args.lr}
    pairs = [f"{name}={value}" for name, value in given.items() if value is not None]
    args.hparams = ",".join(filter(None, (args.hparams, *pairs)))
    script = ALONE_SCRIPT if args.generator_only else SCRIPT
    start = read_start(args, "lipgan_generator", script, LipGanHParams)
    network = network_of(args, start)
    if args.legacy_timing:
        start.hp = replace(start.hp, legacy_timing=True)
    with open_runtime(
        args.device, args.precision, compiled=args.compile, sync_batchnorm=start.hp.sync_batchnorm
    ) as runtime:
        return train_lipgan(open_session(args, runtime, start), network)


def network_of(args: argparse.Namespace, start: Start) -> dict:
    """The generator's arguments: the checkpoint's, or the command line's. Raises UsageError."""
    asked = {"model": args.model, "sound": args.sound}
    network = {"model": MODELS[0], "sound": "mel"}
    if start.checkpoint:
        shape = start.checkpoint.shape()
        network = {name: shape[name] for name in network}
    for name, value in asked.items():
        if start.checkpoint and value not in (None, network[name]):
            raise UsageError(
                f"--{name} {value}: {start.checkpoint.path} is a generator of {network[name]}"
            )
        network[name] = value or network[name]
    if args.legacy_timing and network["sound"] != "mel":
        raise UsageError("--legacy_timing is the mel release's slip; its MFCCs were centred")
    hp = start.hp
    sizes = {"height": hp.img_height, "width": hp.img_width, "multiplier": hp.multiplier}
    return network | sizes


def train_lipgan(session: Session, network: dict) -> Path:
    """Returns the path of the last checkpoint."""
    hp = session.hp
    window = WINDOWS[window_name(network["sound"], legacy_timing=hp.legacy_timing)]
    sounds = session.sounds() if hp.sound_windows else ()
    if hp.blendshape_wt and not sounds:
        require_truth(session.train)
    windows = LipGanWindows(session.train.clips, hp, session.seed, window, vary=True, sounds=sounds)
    unseen = LipGanWindows(session.val.clips, hp, VALIDATION_SEED, window)
    with_judge = not session.args.generator_only
    trainer = LipGanTrainer(session.runtime, hp, network, unseen, with_judge=with_judge)
    session.start.load(trainer.learner)
    if trainer.gan:
        load_judge(session, trainer.gan.judge, "lipgan_judge")
    stream = session.stream(windows, hp.batch_size)
    validation = session.validation(unseen, hp.batch_size, hp.eval_batches)
    return session.run(trainer, stream, validation)


def build_parser() -> argparse.ArgumentParser:
    parser = training_parser(__doc__.splitlines()[0])
    parser.epilog = (
        f"LipGAN's own names are understood: {', '.join(FLAGS)}. In place of --n_gpu N: torchrun "
        "--nproc_per_node N lipgan_train.py ...; of --all_images: --filelists."
    )
    add = parser.add_argument
    add("--generator_only", action="store_true", help="pictures alone (L1), without a judge")
    add("--model", choices=MODELS, help="residual, or the checkpoint's")
    add("--sound", choices=tuple(SOUND_SHAPES), help="what it hears: mel, or the checkpoint's")
    add("--legacy_timing", action="store_true", help="begin the mel window where its release did")
    add("--lr", type=float, help="the learning rate of the generator")
    for flag, name in NUMBERS.items():
        add(flag, type=int, help=f"short for --hparams {name}=...")
    add_judge_argument(parser)
    return parser


def in_our_words(argv: list[str]) -> list[str]:
    """The command line with LipGAN's names of flags as ours."""
    parted = (word.partition("=") for word in argv)
    return [FLAGS.get(name, name) + equals + value for name, equals, value in parted]


def main(argv: list[str] | None = None) -> int:
    return run_script(build_parser(), in_our_words(sys.argv[1:] if argv is None else argv), train)


if __name__ == "__main__":
    sys.exit(main())
