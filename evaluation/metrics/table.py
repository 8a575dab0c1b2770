"""What each number is called, what it is measured in, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One number that a clip, or all clips together, can have."""

    title: str
    unit: str
    better: str  # "lower", "higher", or "near 0"


LOWER, HIGHER = "lower", "higher"

# By the name that --metrics takes: the numbers that come with it, by their names in the JSON.
GROUPS: dict[str, dict[str, Metric]] = {
    "lse": {
        "lse_d": Metric("LSE-D", "distance of SyncNet's embeddings", LOWER),
        "lse_c": Metric("LSE-C", "median less smallest distance", HIGHER),
        "lse_offset": Metric("offset by SyncNet", "frames that the sound is early", "near 0"),
    },
    "similarity": {
        "similarity": Metric("similarity", "cosine of the expert's embeddings", HIGHER),
        "similarity_offset": Metric("best shift", "frames that the sound is early", "near 0"),
    },
    "fid": {"fid": Metric("FID", "squared distance of Inception's features", LOWER)},
    "psnr": {"psnr": Metric("PSNR", "dB, 96x96 faces", HIGHER)},
    "ssim": {"ssim": Metric("SSIM", "at most 1, 96x96 faces", HIGHER)},
    "talklip_psnr": {
        "talklip_psnr": Metric("PSNR, TalkLip's", "dB, squares wrapped round at 256", HIGHER)
    },
    "wer": {
        "wer": Metric("word errors", "wrong words a word said, by a lip reader", LOWER),
        "cer": Metric("character errors", "the same of characters", LOWER),
        "wer_truth": Metric("true video's word errors", "the same, in the true video", LOWER),
    },
    "lmd": {
        "lmd_sum": Metric("LMD, sum", "pixels over 68 points", LOWER),
        "lmd_mean": Metric("LMD, mean", "pixels a point", LOWER),
    },
    "cpbd": {"cpbd": Metric("CPBD", "share of edges not seen as blurred", HIGHER)},
    "sharpness": {"sharpness": Metric("mouth sharpness", "squared grey levels", HIGHER)},
    "leak": {
        "leak": Metric("leak", "mouth's movement in silence to that in speech", LOWER),
        "movement": Metric("mouth's movement", "grey levels from frame to frame", "as in truth"),
    },
}
NAMES = tuple(GROUPS)
METRICS = {name: metric for group in GROUPS.values() for name, metric in group.items()}
ON_REQUEST = ("talklip_psnr",)  # a fault of others, to compare with their table: not in "all"
OF_ALL_CLIPS = ("fid",)  # one number for all clips, and none for each
NEEDS_TRUTH = ("fid", "psnr", "talklip_psnr", "ssim", "lmd")


def parse_metrics(text: str) -> tuple[str, ...]:
    """Names out of "lse,fid", in order; "all" is every one. Raises ValueError for an unknown."""
    every = tuple(name for name in NAMES if name not in ON_REQUEST)
    names = every if text == "all" else tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise ValueError(f"unknown metrics {', '.join(unknown)}; known: {', '.join(NAMES)}, all")
    return tuple(dict.fromkeys(names))
