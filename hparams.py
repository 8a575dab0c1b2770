"""Every number of the toolkit, typed, with its unit; overridden by --hparams "name=value,..."."""

import difflib
import math
from dataclasses import asdict, dataclass, fields, replace


@dataclass(frozen=True)
class HParams:
    """One run's numbers. Made once in main() and passed down; never changed afterwards."""

    # Sound. The published weights need exactly these.
    num_mels: int = 80  # bands of the mel spectrogram
    n_fft: int = 800  # samples
    hop_size: int = 200  # samples between two mel columns: 12.5 ms
    win_size: int = 800  # samples of the Hann window: 50 ms
    sample_rate: int = 16000  # Hz
    fmin: float = 55.0  # Hz, lowest edge of the mel bands
    fmax: float = 7600.0  # Hz, highest edge
    preemphasis: float = 0.97  # y[n] = x[n] - preemphasis * x[n - 1]; 0 turns it off
    min_level_db: float = -100.0  # dB, the floor of the scale
    ref_level_db: float = 20.0  # dB, subtracted before scaling
    max_abs_value: float = 4.0  # the mel is scaled to [-4, 4]
    mel_step_size: int = 16  # mel columns that one frame, or one window of frames, is given: 200 ms

    # Picture.
    img_height: int = 96  # px, a face as the networks see it
    img_width: int = 96  # px
    fps: float = 25.0  # frames per second of the training data
    syncnet_T: int = 5  # frames that the expert judges at a time
    multiplier: float = 1.0  # channel widths against the original's; below 1 = a smaller network

    # Training any of the networks.
    log_interval: int = 100  # steps from one line of the log to the next
    accumulate: int = 1  # parts that a batch is computed in, one after the other, to save memory
    warmup_steps: int = 0  # steps over which the learning rate rises from 0
    final_lr_share: float = 1.0  # of the learning rate, reached by --max_steps along a cosine
    clip_grad_norm: float = 0.0  # longer gradients are shortened to this; 0 = as they come
    ema_decay: float = 0.0  # of the averaged weights that are validated and kept; 0 = no average
    sync_batchnorm: bool = True  # several processes: BatchNorm sees the batch of all of them

    # Training the generator.
    batch_size: int = 16  # windows in a step, those of all processes together
    initial_learning_rate: float = 1e-4
    nepochs: int = 200_000_000_000_000_000  # that is: until stopped
    num_workers: int = 16  # processes that load data
    checkpoint_interval: int = 3000  # steps
    eval_interval: int = 3000  # steps
    eval_batches: int = 300  # at most, in one validation
    save_optimizer_state: bool = True
    augment: float = 0.0  # chance of each kind of change to a window's pictures
    lower_half_wt: float = 0.0  # weight of the L1 of the lower half, beside that of the whole face
    syncnet_wt: float = 0.0  # weight of the sync loss from the first step on, and never less
    syncnet_wt_on: float = 0.01  # its weight from then on
    hq_syncnet_wt_on: float = 0.03  # the same, with the quality discriminator
    syncnet_wt_threshold: float = 0.75  # validation sync loss under which it is switched on
    syncnet_wt_flat: float = 1.0  # on only when L1 fell by less than this share since the last time
    syncnet_max_share: float = 0.1  # of the whole loss; the weight is lowered to keep within it
    syncnet_back_off: bool = False  # halve its weight while generated faces please more
    expert_max_loss: float = 0.4  # an expert worse than this on the validation set is refused
    perceptual_wt: float = 0.0  # weight of the distance between VGG features; needs torchvision
    disc_wt: float = 0.07  # weight of the quality discriminator (hq only)
    disc_warmup_steps: int = 3000  # steps over which that weight rises from 0 (hq only)
    disc_initial_learning_rate: float = 1e-4

    # Training the lip-sync expert.
    syncnet_batch_size: int = 64  # windows in a step, those of all processes together
    syncnet_lr: float = 1e-4
    syncnet_eval_interval: int = 10000  # steps
    syncnet_eval_batches: int = 1400  # at most, in one validation
    syncnet_checkpoint_interval: int = 10000  # steps
    syncnet_augment: float = 0.0  # chance of each kind of change to a window's pictures
    syncnet_augment_sound: float = 0.0  # chance of each kind of change to a clip's sound
    syncnet_other_clip_share: float = 0.0  # of the wrong pairs whose mouths are another clip's
    syncnet_contrast_windows: int = 0  # a clip, told apart by InfoNCE; 0 = no InfoNCE
    syncnet_apart: int = 1  # frames; windows that begin closer are not compared
    syncnet_temperature: float = 0.07  # of that comparison
    syncnet_bce_wt: float = 1.0  # weight of the original's loss beside that comparison
    syncnet_truth_wt: float = 0.0  # weight of telling a mouth's shape, where truth.json knows it
    syncnet_truth_first: int = 0  # steps of that alone, before sound and mouths are compared
    syncnet_sound_windows: int = 0  # with each pair or clip, of sounds.txt, to learn to hear from

    # Training the network that hears lip motion.
    hearing_channels: int = 144  # its width
    hearing_causal: bool = False  # at most 200 ms of look-ahead, for live use
    hearing_batch_size: int = 16  # pieces of clips in a step, those of all processes together
    hearing_frames: int = 150  # of a piece
    hearing_lr: float = 2e-3
    hearing_weight_decay: float = 1e-3
    hearing_augment: float = 0.4  # chance of each kind of change to a clip's sound
    hearing_contact_wt: float = 3.0  # that a frame near a contact weighs more than another
    hearing_velocity_wt: float = 0.5  # of the error from one frame to the next
    hearing_opening_wt: float = 0.3  # of the error of how far the lips are apart
    hearing_touch_wt: float = 0.5  # of telling whether lips touch
    hearing_expression_wt: float = 0.2  # of a number that sound does not tell: a smile is one's own
    hearing_eval_interval: int = 500  # steps
    hearing_eval_batches: int = 60  # at most, in one validation
    hearing_checkpoint_interval: int = 500  # steps

    def __post_init__(self) -> None:
        self._check_ranges()
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
        for name in ("syncnet_truth_first", "syncnet_sound_windows"):
            if getattr(self, name) and not self.syncnet_truth_wt:
                raise ValueError(f"{name} teaches nothing without syncnet_truth_wt")

    def _check_ranges(self) -> None:
        for name, kind in _TYPES.items():
            value = getattr(self, name)
            if kind is bool:
                continue
            if name in _SHARES and not 0 <= value <= 1:
                raise ValueError(f"{name} is a share, 0 to 1, not {value}")
            if name in _SIGNED and not math.isfinite(value):
                raise ValueError(f"{name} must be a number, not {value}")
            if name in _MAY_BE_ZERO and not 0 <= value < math.inf:
                raise ValueError(f"{name} must be 0 or more, not {value}")
            if name not in _SHARES | _SIGNED | _MAY_BE_ZERO and not 0 < value < math.inf:
                raise ValueError(f"{name} must be over 0, not {value}")
        if self.ema_decay == 1:
            raise ValueError("ema_decay must be below 1: an average of 1 never moves")
        if self.min_level_db >= 0:
            raise ValueError(f"min_level_db must be below 0, not {self.min_level_db}")

    @property
    def mels_per_second(self) -> int:
        """Mel columns per second: 80 at the defaults."""
        return self.sample_rate // self.hop_size

    @property
    def img_size(self) -> int:
        """The side of a square face, the original's one number; img_size=N sets both sides."""
        if self.img_height != self.img_width:
            raise ValueError(
                f"faces of {self.img_height}x{self.img_width} have no single img_size; "
                "ask for img_height and img_width"
            )
        return self.img_height

    def with_overrides(self, text: str) -> "HParams":
        """A copy with the values of "name=value,name=value" in place of its own."""
        values = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = (piece.strip() for piece in pair.partition("="))
            if not equals:
                raise ValueError(f"expected name=value, got {pair!r}")
            for field in ("img_height", "img_width") if name == "img_size" else (name,):
                if field in values:
                    raise ValueError(f"{field} is given twice")
                values[field] = _parse(field, value)
        return replace(self, **values)

    def to_dict(self) -> dict:
        """Plain values by name, for a checkpoint or a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "HParams":
        """The reverse of to_dict; names that this version does not know are left out.

        Raises ValueError on values of another type: files come from anywhere.
        """
        known = {name: values[name] for name in _TYPES.keys() & values.keys()}
        for name, value in known.items():
            allowed = {bool: (bool,), int: (int,), float: (int, float)}[_TYPES[name]]
            if type(value) not in allowed:
                raise ValueError(f"{name}: expected {_TYPES[name].__name__}, got {value!r:.50}")
        return cls(**known)


_TYPES = {field.name: field.type for field in fields(HParams)}
# Every number is finite and over 0 but for these.
_MAY_BE_ZERO = {
    "fmin",
    "warmup_steps",
    "clip_grad_norm",
    "num_workers",
    "lower_half_wt",
    "syncnet_wt_threshold",
    "syncnet_wt_flat",
    "expert_max_loss",
    "perceptual_wt",
    "disc_warmup_steps",
    "syncnet_contrast_windows",
    "syncnet_bce_wt",
    "syncnet_truth_wt",
    "syncnet_truth_first",
    "syncnet_sound_windows",
    "hearing_weight_decay",
    "hearing_contact_wt",
    "hearing_velocity_wt",
    "hearing_opening_wt",
    "hearing_touch_wt",
    "hearing_expression_wt",
}
_SHARES = {
    "preemphasis",
    "final_lr_share",
    "ema_decay",
    "augment",
    "syncnet_wt",
    "syncnet_wt_on",
    "hq_syncnet_wt_on",
    "syncnet_max_share",
    "disc_wt",
    "syncnet_augment",
    "syncnet_augment_sound",
    "syncnet_other_clip_share",
    "hearing_augment",
}
_SIGNED = {"min_level_db", "ref_level_db"}


def _parse(name: str, value: str) -> bool | int | float:
    if name not in _TYPES:
        near = difflib.get_close_matches(name, [*_TYPES, "img_size"], n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(_TYPES)}"
        raise ValueError(f"unknown hyperparameter {name!r}{hint}")
    wanted = _TYPES[name]
    if wanted is bool:
        if value not in ("True", "False"):
            raise ValueError(f"{name}: expected True or False, got {value!r}")
        return value == "True"
    try:
        number = float(value)
        if wanted is int and number != int(number):
            raise ValueError(value)
        return wanted(number) if "e" in value.lower() else wanted(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: expected {wanted.__name__}, got {value!r}") from None
