"""Speech made less clean by rooms, noise, microphones and codecs, and never moved in time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, sosfiltfilt

from synthesis.speech.voices import SAMPLE_RATE

COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}  # power falls as 1 / f**exponent
MDCT_HALF = 320  # samples: half a block of the simulated codec, 20 ms


@dataclass(frozen=True)
class SoundConditions:
    """What happens to a clip's sound between the mouth and the file. Times in s, levels in dB."""

    reverberation: float = 0.0  # s until the room's echo has fallen by 60 dB; 0 is none
    echo_level: float = -12.0  # of the room against the direct sound
    noise_colour: str = "white"
    noise_level: float = -80.0  # against the speech
    babble_level: float = -80.0  # of other voices, against the speech
    hum_level: float = -80.0  # of the mains
    band: tuple[float, float] = (0.0, 8000.0)  # Hz that come through
    codec: str = ""  # "", "telephone" (8-bit mu-law) or "transform" (like MP3 at a low rate)
    codec_quality: float = 1.0  # 0..1, of "transform"
    level: float = -6.0  # of the highest peak, against full scale
    clipped: float = 0.0  # dB by which peaks go beyond full scale and are cut

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "SoundConditions":
        """A recording by chance: a third of them nearly clean."""
        if rng.random() < 0.33:
            return cls(noise_level=rng.uniform(-65, -40), level=rng.uniform(-20, -1))
        colours = sorted(COLOURS)
        return cls(
            reverberation=_perhaps(rng, 0.5, 0.15, 0.9, otherwise=0.0),
            echo_level=rng.uniform(-24, -6),
            noise_colour=colours[rng.integers(len(colours))],
            noise_level=rng.uniform(-55, -12),
            babble_level=_perhaps(rng, 0.25, -30, -10, otherwise=-80.0),
            hum_level=_perhaps(rng, 0.15, -45, -20, otherwise=-80.0),
            band=_draw_band(rng),
            codec=str(rng.choice(("", "", "transform", "transform", "telephone"))),
            codec_quality=rng.uniform(0.2, 1.0),
            level=rng.uniform(-30, -0.5),
            clipped=_perhaps(rng, 0.08, 1, 8, otherwise=0.0),
        )

    def to_dict(self) -> dict:
        """Plain values, for the clip's record."""
        return asdict(self)


def degrade(
    speech: np.ndarray,
    conditions: SoundConditions,
    rng: np.random.Generator,
    babble: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """The speech under these conditions: as many samples, float32, nothing moved in time.

    speech: mono at SAMPLE_RATE; `babble` holds other voices' speech, repeated as needed.
    """
    sound = np.asarray(speech, np.float64)
    if conditions.reverberation > 0:
        sound = sound + _room(sound, conditions, rng)
    loudness = _loudness(speech)
    sound = sound + loudness * _disturbance(len(sound), conditions, rng, babble)
    sound = _limit_band(sound, *conditions.band)
    if conditions.codec == "telephone":
        sound = _mu_law(_limit_band(sound, 250, 3500))
    elif conditions.codec == "transform":
        sound = _transform_codec(sound, conditions.codec_quality)
    peak = max(np.abs(sound).max(initial=0.0), 1e-4)
    sound = sound / peak * _gain(conditions.level + conditions.clipped)
    ceiling = min(1.0, _gain(conditions.level))
    return np.clip(sound, -ceiling, ceiling).astype(np.float32)


def coloured_noise(samples: int, colour: str, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with the frequency as its colour says; RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequencies = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 40)
    noise = np.fft.irfft(spectrum * frequencies ** (-COLOURS[colour] / 2), samples)
    return noise / max(noise.std(), 1e-12)


def _perhaps(
    rng: np.random.Generator, chance: float, low: float, high: float, *, otherwise: float
) -> float:
    value = rng.uniform(low, high)
    return value if rng.random() < chance else otherwise


def _draw_band(rng: np.random.Generator) -> tuple[float, float]:
    low = _perhaps(rng, 0.4, 60, 350, otherwise=0.0)
    return low, _perhaps(rng, 0.4, 2800, 7500, otherwise=8000.0)


def _gain(decibels: float) -> float:
    return 10 ** (decibels / 20)


def _loudness(sound: np.ndarray) -> float:
    """RMS of what is not silence; 1e-3 where all is."""
    power = np.convolve(np.square(sound, dtype=np.float64), np.ones(400) / 400, "same")
    loud = power[power > 0.02 * power.max(initial=0.0)]
    return float(np.sqrt(loud.mean())) if loud.size and loud.mean() > 1e-6 else 1e-3


def _room(sound: np.ndarray, conditions: SoundConditions, rng: np.random.Generator) -> np.ndarray:
    """A room's answer: dense echoes that die away, the first 3 ms after the sound itself."""
    length = int(conditions.reverberation * SAMPLE_RATE)
    times = np.arange(length) / SAMPLE_RATE
    response = rng.standard_normal(length) * 10 ** (-3 * times / conditions.reverberation)
    early = rng.integers(int(0.004 * SAMPLE_RATE), int(0.030 * SAMPLE_RATE), 6)
    response[early] += rng.choice((-1.0, 1.0), 6) * rng.uniform(2, 6, 6)
    response[: int(0.003 * SAMPLE_RATE)] = 0
    response *= _gain(conditions.echo_level) / np.sqrt(np.square(response).sum())
    return fftconvolve(sound, response)[: len(sound)]


def _disturbance(
    samples: int,
    conditions: SoundConditions,
    rng: np.random.Generator,
    babble: Sequence[np.ndarray],
) -> np.ndarray:
    """Everything that is heard beside the speech, for speech of RMS 1."""
    noise = coloured_noise(samples, conditions.noise_colour, rng)
    total = _gain(conditions.noise_level) * noise
    for voice in babble if conditions.babble_level > -80 else ():
        start = rng.integers(len(voice))
        repeated = np.resize(np.roll(voice, -start), samples)
        share = _gain(conditions.babble_level) / np.sqrt(len(babble))
        total = total + share * repeated / _loudness(voice)
    if conditions.hum_level > -80:
        times = np.arange(samples) / SAMPLE_RATE
        mains = rng.choice((50.0, 60.0))
        waves = [np.sin(2 * np.pi * mains * n * times + n) / n for n in (1, 2, 3, 5)]
        total = total + _gain(conditions.hum_level) * np.sum(waves, axis=0)
    return total


def _limit_band(sound: np.ndarray, low: float, high: float) -> np.ndarray:
    """Cut what lies outside, forwards and backwards, so that nothing is delayed."""
    if low > 0:
        sound = sosfiltfilt(butter(2, low, "highpass", fs=SAMPLE_RATE, output="sos"), sound)
    if high < SAMPLE_RATE / 2:
        sound = sosfiltfilt(butter(4, high, "lowpass", fs=SAMPLE_RATE, output="sos"), sound)
    return sound


def _mu_law(sound: np.ndarray) -> np.ndarray:
    """There and back through the telephone's eight bits."""
    peak = max(np.abs(sound).max(initial=0.0), 1e-9)
    pressed = np.sign(sound) * np.log1p(255 * np.abs(sound) / peak) / np.log(256)
    rounded = np.round(pressed * 127) / 127
    return np.sign(rounded) * np.expm1(np.abs(rounded) * np.log(256)) / 255 * peak


def _transform_codec(sound: np.ndarray, quality: float) -> np.ndarray:
    """There and back through a coarse MDCT, the heart of MP3 and AAC: weak bands fall silent."""
    blocks = _mdct(sound)
    size = np.abs(blocks)
    smooth = np.apply_along_axis(lambda row: np.convolve(row, np.ones(9) / 9, "same"), 1, size)
    step = (0.15 + 1.6 * (1 - quality)) * smooth + 0.003 * (1.1 - quality) * size.max(initial=0.0)
    return _inverse_mdct(np.round(blocks / (step + 1e-12)) * (step + 1e-12), len(sound))


_WINDOW = np.sin(np.pi * (np.arange(2 * MDCT_HALF) + 0.5) / (2 * MDCT_HALF))
_PHASES = np.outer(
    np.arange(2 * MDCT_HALF) + 0.5 + MDCT_HALF / 2, (np.arange(MDCT_HALF) + 0.5) * np.pi / MDCT_HALF
)
_COSINES = np.cos(_PHASES)


def _mdct(sound: np.ndarray) -> np.ndarray:
    padded = np.pad(sound, (MDCT_HALF, 2 * MDCT_HALF - len(sound) % MDCT_HALF))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * MDCT_HALF)[::MDCT_HALF]
    return (windows * _WINDOW) @ _COSINES


def _inverse_mdct(blocks: np.ndarray, samples: int) -> np.ndarray:
    windows = blocks @ _COSINES.T * _WINDOW * (2 / MDCT_HALF)
    halves = windows.reshape(len(blocks), 2, MDCT_HALF)
    joined = np.zeros((len(blocks) + 1, MDCT_HALF))
    joined[:-1] += halves[:, 0]
    joined[1:] += halves[:, 1]
    return joined.ravel()[MDCT_HALF : MDCT_HALF + samples]
