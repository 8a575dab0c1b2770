"""Every number of the toolkit, typed, with its unit; overridden by --hparams "name=value,...".

One flat class a method, named after its network, over bases for sound, pictures and training.
HParams is that of the two generator scripts; its names are the original's. hparam_fields.py says
what number(), from_0(), share() and fixed() declare.
"""

from dataclasses import dataclass

from hparam_fields import BELOW_0, FINITE, Numbers, fixed, from_0, number, share


@dataclass(frozen=True)
class AudioHParams(Numbers):
    """What a mel depends on beside its sound. The published weights need exactly these."""

    num_mels: int = fixed(80, "the networks' encoders of sound are built for as many bands")
    n_fft: int = 800  # samples
    hop_size: int = 200  # samples between two mel columns: 12.5 ms
    win_size: int = 800  # samples of the Hann window: 50 ms
    sample_rate: int = 16000  # Hz
    fmin: float = from_0(55.0)  # Hz, lowest edge of the mel bands
    fmax: float = 7600.0  # Hz, highest edge
    preemphasis: float = share(0.97)  # y[n] = x[n] - preemphasis * x[n - 1]; 0 turns it off
    min_level_db: float = number(-100.0, BELOW_0)  # dB, the floor of the scale
    ref_level_db: float = number(20.0, FINITE)  # dB, subtracted before scaling
    max_abs_value: float = 4.0  # the mel is scaled to [-4, 4]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sample_rate % self.hop_size:
            raise ValueError(
                f"sample_rate {self.sample_rate} is no multiple of hop_size {self.hop_size}: "
                "mel columns would not fall on whole fractions of a second"
            )
        if self.win_size > self.n_fft:
            raise ValueError(f"win_size {self.win_size} is longer than n_fft {self.n_fft}")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(
                f"fmin {self.fmin} and fmax {self.fmax} must rise and lie within "
                f"half of sample_rate {self.sample_rate}"
            )

    @property
    def mels_per_second(self) -> int:
        """Mel columns per second: 80 at the defaults."""
        return self.sample_rate // self.hop_size


@dataclass(frozen=True)
class ClipHParams(AudioHParams):
    """What networks are given of a clip, its sound and its pictures."""

    mel_step_size: int = fixed(16, "the encoders are built for as many columns: 200 ms")
    img_height: int = number(96, alias="img_size")  # px, a face as the networks see it
    img_width: int = number(96, alias="img_size")  # px
    fps: float = 25.0  # frames per second of the training data
    syncnet_T: int = fixed(5, "an expert is built to judge as many frames at a time")

    @property
    def img_size(self) -> int:
        """The side of a square face, the original's one number; img_size=N sets both sides."""
        if self.img_height != self.img_width:
            raise ValueError(
                f"faces of {self.img_height}x{self.img_width} have no single img_size; "
                "ask for img_height and img_width"
            )
        return self.img_height


@dataclass(frozen=True)
class TrainingHParams(Numbers):
    """What the engine of all trainings reads."""

    multiplier: float = 1.0  # channel widths against the full network's; below 1 = a smaller one
    batch_size: int = 16  # samples in a step, those of all processes together
    grad_accum_steps: int = number(1, formerly="accumulate")  # micro-batches that it is computed in
    initial_learning_rate: float = 1e-4
    warmup_steps: int = from_0(0)  # over which the learning rate rises from 0
    min_lr_ratio: float = share(1.0, formerly="final_lr_share")  # at max_steps, along a cosine
    clip_grad_norm: float = from_0(0.0)  # longer gradients are shortened to this; 0 = as they come
    ema_decay: float = share(0.0)  # of the averaged weights that are validated and kept; 0 = none
    sync_batchnorm: bool = True  # several processes: BatchNorm sees the batch of all of them
    max_steps: int = from_0(0)  # where training ends; 0 = when it is stopped
    nepochs: int = 200_000_000_000_000_000  # that is: until stopped
    num_workers: int = from_0(16)  # processes that load data
    log_interval: int = 100  # steps from one line of the log to the next
    checkpoint_interval: int = 3000  # steps
    eval_interval: int = 3000  # steps
    eval_batches: int = 300  # at most, in one validation
    save_optimizer_state: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ema_decay == 1:
            raise ValueError("ema_decay must be below 1: an average of 1 never moves")


@dataclass(frozen=True)
class LipHParams(TrainingHParams, ClipHParams):
    """What every network has that learns from clips; a method's own numbers go below it."""


@dataclass(frozen=True)
class HParams(LipHParams):
    """The generator, with the quality discriminator and without. batch_size: windows."""

    augment: float = share(0.0)  # chance of each kind of change to a window's pictures
    lower_half_wt: float = from_0(0.0)  # of the L1 of the lower half, beside the whole face's
    syncnet_wt: float = share(0.0)  # of the sync loss from the first step on, and never less
    syncnet_wt_on: float = share(0.01)  # its weight from then on
    hq_syncnet_wt_on: float = share(0.03)  # the same, with the quality discriminator
    syncnet_wt_threshold: float = from_0(0.75)  # validation sync loss under which it is switched on
    syncnet_wt_flat: float = from_0(1.0)  # on only when L1 fell by less than this share since last
    syncnet_max_share: float = share(0.1)  # of the whole loss; its weight is lowered to keep to it
    syncnet_back_off: bool = False  # halve its weight while generated faces please more
    expert_max_loss: float = from_0(0.4)  # a worse expert, on the validation set, is refused
    perceptual_wt: float = from_0(0.0)  # of the distance between VGG features; needs torchvision
    disc_wt: float = share(0.07)  # weight of the quality discriminator (hq only)
    disc_warmup_steps: int = from_0(3000)  # over which that weight rises from 0 (hq only)
    disc_initial_learning_rate: float = 1e-4


@dataclass(frozen=True)
class BlendshapeHParams(LipHParams):
    """What learns beside its own task to tell a mouth's blendshapes, by sight and by ear."""

    # Chance of each kind of change to a clip's sound.
    augment_sound: float = share(0.0, alias="syncnet_augment_sound")
    # Weight of telling a mouth's blendshapes, where truth.json knows them.
    blendshape_wt: float = from_0(0.0, formerly="syncnet_truth_wt")
    # Steps of that alone, before sound and mouths are compared.
    blendshape_warmup_steps: int = from_0(0, formerly="syncnet_truth_first")
    # Windows with each sample, of sounds.txt, to learn to hear from.
    sound_windows: int = from_0(0, alias="syncnet_sound_windows")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("blendshape_warmup_steps", "sound_windows"):
            if getattr(self, name) and not self.blendshape_wt:
                raise ValueError(f"{name} teaches nothing without blendshape_wt")


@dataclass(frozen=True)
class SyncNetHParams(BlendshapeHParams):
    """The lip-sync expert; an alias is what the original calls the number, or we did."""

    batch_size: int = number(64, alias="syncnet_batch_size")  # windows
    initial_learning_rate: float = number(1e-4, alias="syncnet_lr")
    eval_interval: int = number(10000, alias="syncnet_eval_interval")  # steps
    eval_batches: int = number(1400, alias="syncnet_eval_batches")  # at most, in one validation
    checkpoint_interval: int = number(10000, alias="syncnet_checkpoint_interval")  # steps
    # Chance of each kind of change to a window's pictures.
    augment: float = share(0.0, alias="syncnet_augment")
    # Of the wrong pairs, those whose mouths are another clip's.
    other_clip_share: float = share(0.0, alias="syncnet_other_clip_share")
    # Windows of a clip that are told apart by InfoNCE; 0 = no InfoNCE.
    infonce_windows: int = from_0(0, formerly="syncnet_contrast_windows")
    min_gap: int = number(1, formerly="syncnet_apart")  # frames; closer windows are not compared
    temperature: float = number(0.07, alias="syncnet_temperature")  # of that comparison
    bce_wt: float = from_0(1.0, alias="syncnet_bce_wt")  # of the original's loss beside InfoNCE


@dataclass(frozen=True)
class LipGanHParams(BlendshapeHParams):
    """LipGAN's generator, residual or basic, and its judge. batch_size: frames."""

    batch_size: int = 96
    initial_learning_rate: float = 1e-4  # of the generator beside a judge
    generator_only_learning_rate: float = 1e-3  # without one
    disc_initial_learning_rate: float = 1e-4  # of the judge
    judge_warmup_steps: int = from_0(0)  # of the judge alone, before anybody pays for what it says
    contrastive_wt: float = from_0(0.01)  # of the judge's say, beside the L1
    # The judge compares each face, and its reference, with all sounds of the batch.
    batch_negatives: bool = False
    own_clip_share: float = share(0.0)  # of wrong sounds, those of another moment of the same clip
    augment: float = share(0.0)  # chance of each kind of change to a frame and its reference
    legacy_timing: bool = False  # begin the mel window 0.32 s before its frame, as a release did
    eval_interval: int = 1000  # steps
    checkpoint_interval: int = 1000  # steps


@dataclass(frozen=True)
class LipHearingHParams(LipHParams):
    """The network that hears lip motion. batch_size: pieces of clips."""

    channels: int = number(144, alias="hearing_channels")  # its width
    causal: bool = number(False, alias="hearing_causal")  # at most 200 ms of look-ahead: live use
    batch_size: int = number(16, alias="hearing_batch_size")
    frames: int = number(150, alias="hearing_frames")  # of a piece
    initial_learning_rate: float = number(2e-3, alias="hearing_lr")
    weight_decay: float = from_0(1e-3, alias="hearing_weight_decay")
    augment_sound: float = share(0.4, alias="hearing_augment")  # chance of each kind of change
    contact_wt: float = from_0(3.0, alias="hearing_contact_wt")  # more of a frame near a contact
    velocity_wt: float = from_0(0.5, alias="hearing_velocity_wt")  # errors from frame to frame
    opening_wt: float = from_0(0.3, alias="hearing_opening_wt")  # how far the lips are apart
    touch_wt: float = from_0(0.5, alias="hearing_touch_wt")  # of telling whether lips touch
    # Of a number that sound does not tell: a smile is one's own.
    expression_wt: float = from_0(0.2, alias="hearing_expression_wt")
    eval_interval: int = number(500, alias="hearing_eval_interval")  # steps
    eval_batches: int = number(60, alias="hearing_eval_batches")  # at most, in one validation
    checkpoint_interval: int = number(500, alias="hearing_checkpoint_interval")  # steps


@dataclass(frozen=True)
class LipWarpHParams(TrainingHParams):
    """What learns from pairs of mouths: here the lip warp. batch_size: pairs."""

    batch_size: int = 24
    initial_learning_rate: float = 1.5e-3
    warmup_steps: int = from_0(200)
    ema_decay: float = share(0.995)
    clip_grad_norm: float = from_0(1.0)
    num_workers: int = from_0(0)  # pairs lie in mapped memory, faster than a process could send
    eval_interval: int = 250  # steps
    checkpoint_interval: int = 250  # steps
    log_interval: int = 50  # steps


@dataclass(frozen=True)
class LipSeeingHParams(LipWarpHParams):
    """The network that sees lip motion, from the same pairs."""


@dataclass(frozen=True)
class FaceFinderHParams(TrainingHParams):
    """The small face detector. batch_size: composed scenes."""

    initial_learning_rate: float = 2e-3
    warmup_steps: int = from_0(200)
    min_lr_ratio: float = share(0.02)
    clip_grad_norm: float = from_0(10.0)
    ema_decay: float = share(0.998)
    max_steps: int = from_0(6000)  # the learning rate falls until there
    eval_interval: int = 1000  # steps
    checkpoint_interval: int = 1000  # steps
    log_interval: int = 50  # steps


@dataclass(frozen=True)
class LandmarkHParams(FaceFinderHParams):
    """The landmark network. batch_size: composed crops."""

    batch_size: int = 64
    clip_grad_norm: float = from_0(5.0)
    eval_interval: int = 500  # steps
    checkpoint_interval: int = 500  # steps


@dataclass(frozen=True)
class LipReaderHParams(LipHParams):
    """The lip reader. batch_size: clips; multiplier: of ResNet-18, which sees the mouths."""

    multiplier: float = 0.125
    keeps_places: bool = True  # in the picture, which the published average away
    width: int = 192  # of a frame's code
    hidden: int = 768
    layers: int = 4
    heads: int = 4
    decoder_layers: int = 2
    position_kernel: int = 32  # frames that tell a step where it is
    dropout: float = share(0.1)
    pieces: int = 300  # tokens of the text, at most, where they are pieces of words
    longest: int = 500  # frames; longer clips are left out
    initial_learning_rate: float = 1e-3
    warmup_steps: int = from_0(100)
    clip_grad_norm: float = from_0(5.0)
    ctc_wt: float = share(0.3)  # of CTC, beside the decoder
    label_smoothing: float = share(0.1)
    time_mask: float = share(0.5)  # chance that a span of a clip is hidden
    time_mask_frames: int = 12  # of it, at most
    augment: float = share(0.5)  # chance that a clip's mouths are moved and of another light
    # A curriculum where truth.json knows the lips: steps that read lip motion; that learn to see
    # it; that read what is seen, whose codes are kept; and what seeing weighs from then on.
    lips_steps: int = from_0(0)
    lips_noise: float = from_0(0.3)  # in the numbers' spreads
    seeing_steps: int = from_0(0)
    seeing_frames: int = 16  # of a clip, while only seeing is learnt
    adapting_steps: int = from_0(0)
    looks: int = 2  # at each clip, with changes of their own, that are kept while it adapts
    seeing_wt: float = from_0(1.0)
    eval_interval: int = 500  # steps
    eval_batches: int = 20  # at most, in one validation
    checkpoint_interval: int = 500  # steps
    log_interval: int = 50  # steps


@dataclass(frozen=True)
class TalkLipHParams(LipHParams):
    """TalkLip's generator and discriminator. batch_size: sentences."""

    batch_size: int = 8
    picked_share: float = share(0.08)  # of a sentence's frames, that are generated in a step
    longest: int = 160  # frames; longer sentences are left out
    ear_frames: int = 75  # of a clip's sound, while ears alone learn
    lip_wt: float = share(1e-5)  # of the lip reader's loss, which is a sum over all words
    cont_wt: float = from_0(1e-3)  # of the contrastive loss, with --contrastive
    perp_wt: float = share(0.07)  # of what the discriminator does not believe
    disc_initial_learning_rate: float = 1e-4
    first_stage: int = from_0(0)  # 0: pictures; 1: the sound's last layers too; 2: and the words
    patience: int = 5  # validations without a new least L1, after which a stage still goes on
    eval_batches: int = 40  # at most, in one validation
    expert_max_word_errors: float = 0.9  # by teacher forcing; a worse lip reader is refused


@dataclass(frozen=True)
class DavsHParams(TrainingHParams):
    """DAVS, at its published numbers. batch_size: clips of words."""

    img_size: int = 256  # px, a face as the networks see it: 64, 128 or 256
    picture_multiplier: float = from_0(0.0)  # the same of what paints and is judged; 0: multiplier
    fusion_frames: int = 12  # every second one, from which a word is told
    identity_frames: int = 20  # of a clip, in which a judge looks for the word
    judge_frames: int = 6  # that are painted and judged in a row
    initial_learning_rate: float = 2e-4
    disc_initial_learning_rate: float = 2e-4
    whole_wt: float = from_0(4.0)  # of a pixel's error, in levels
    mouth_wt: float = from_0(8.0)  # the same, beside that, of the mouth's pixels
    temporal_wt: float = from_0(5.0)  # of what changes outside the mouth from frame to frame
    contrastive_wt: float = from_0(1.0)  # of codes of sound that are far from their lips'
    uniform_wt: float = from_0(1e6)  # of a judge that reads the word off the identity
    domain_wt: float = from_0(5.0)  # of a judge that tells codes of sound from lips'
    label_softening: float = share(0.1)  # most that a picture judge's labels are off 1 and 0
    frame_gan: bool = False  # judge single frames too, as the published code can
    augment: float = share(0.0)  # chance of each kind of change to a clip's pictures and its pace
    augment_sound: float = share(0.0)  # chance of a change to a clip's MFCC
    more_sounds: int = 4  # clips of --sounds that are heard with each clip of words
    speech_rate: float = share(1.0)  # of the rate, for what was taught words before
    lip_dropout: float = share(0.5)  # in the lip encoder; a narrow one learns nothing beside it
    viseme_wt: float = from_0(0.0)  # of telling each frame's viseme, where clip.json knows it
    eval_interval: int = 1000  # steps
    eval_batches: int = 50  # at most, in one validation
    checkpoint_interval: int = 1000  # steps
