"""What a corpus can train, and what to do next, as commands: from the rows of its clips."""

import html
from collections.abc import Iterator

import numpy as np

PUBLISHED_HOURS = 29  # of what the published weights saw
ENOUGH_HOURS, FEW_HOURS = 3.0, 0.3  # to train from the beginning; to go on from trained weights
ENOUGH_FOLDERS = 20
SIZES = (96, 192, 288)  # img_size that faces are high enough for
LEAST_HEIGHT = 96
LEFT_OUT_MOST = 0.5  # of the time, from where it is worth asking why
# Reason -> what may help.
HELP = {
    "face too small": "larger pictures, or --min_face N",
    "too short": "--min_seconds SECONDS, if the shots are short on purpose",
    "the sound fits at no shift": "dubbed, music or babble, or an expert that does not know such "
    "faces: train your own (docs/own_data.md), or --min_sync SHARE",
    "out of sync": "--sync_correct",
    "the sound is too far off": "mend the films' sound: it is 0.6 s or more off",
    "no face": "--detector s3fd, after `python -m models.pretrained s3fd`",
    "too many frames without a face": "--wild, which takes the stretches that have one",
    "undecodable": "fetch these files again",
}


def advise(rows: list[dict], root: str) -> Iterator[str]:
    """Paragraphs of HTML. root: the corpus's folder, as commands name it."""
    kept = [row for row in rows if row["kept"]]
    if not kept:
        yield "<p>Nothing: no clip was kept.</p>"
    else:
        yield _faces(kept)
        yield _amount(kept)
        yield _sync(kept)
        yield _commands(kept, root)
    yield from _what_helps(rows)


def _faces(kept: list[dict]) -> str:
    heights = np.array([row["median_face_height"] for row in kept])
    shares = ", ".join(f"{size} px: {(heights >= size).mean():.0%}" for size in SIZES)
    median = np.median(heights)
    words = f"Faces are {median:.0f} pixels high on median; of the clips reach {shares}."
    if median < LEAST_HEIGHT:
        words += f" Under {LEAST_HEIGHT} pixels, networks learn blur: give larger pictures."
    return f"<p>{words}</p>"


def _amount(kept: list[dict]) -> str:
    hours = sum(row["seconds"] for row in kept) / 3600
    folders = len({row["clip"].rsplit("/", 1)[0] for row in kept})
    if hours >= ENOUGH_HOURS and folders >= ENOUGH_FOLDERS:
        verdict = "enough to train an expert and a generator from the beginning"
    elif hours >= FEW_HOURS:
        verdict = "enough to go on from trained weights (--checkpoint_path), not to begin with none"
    else:
        verdict = "too little to train with; enough to try the commands"
    return (
        f"<p>{hours:.2f} h of {folders} folders: {verdict} (the published weights saw "
        f"{PUBLISHED_HOURS} h). Lists are split by folder: one speaker in two folders leaks.</p>"
    )


def _sync(kept: list[dict]) -> str:
    offsets = [row["offset"] for row in kept if row.get("offset") is not None]
    if not offsets:
        return "<p>Whether sound and lips are in sync was not measured (--wild does).</p>"
    off = float((np.abs(offsets) > 1).mean())
    words = f"{off:.0%} of the clips came with sound off by more than a frame"
    still = [row.get("offset_kept", row["offset"]) for row in kept if row.get("offset") is not None]
    left = float((np.abs(still) > 1).mean())
    return f"<p>{words}; as they are kept, {left:.0%} are.</p>"


def _commands(kept: list[dict], root: str) -> str:
    heights = np.median([row["median_face_height"] for row in kept])
    size = max((size for size in SIZES[:2] if size <= heights), default=SIZES[0])
    lines = [
        f"python preprocess.py --data_root FILMS --preprocessed_root {root} --wild "
        "--make_filelists 0.9,0.05,0.05",
        f"python color_syncnet_train.py --data_root {root} --checkpoint_dir runs/expert "
        "--checkpoint_path checkpoints/syncnet_small.safetensors",
        f"python talkface_train.py --data_root {root} --checkpoint_dir runs/generator "
        "--syncnet_checkpoint_path runs/expert/checkpoint_best.pth"
        f"{f' --hparams img_size={size}' * (size > 96)}",
    ]
    return f"<p>Next:</p><pre>{html.escape(chr(10).join(lines))}</pre>"


def _what_helps(rows: list[dict]) -> Iterator[str]:
    out = [row for row in rows if not row["kept"]]
    known = [reason for reason in HELP if any(row["reason"] == reason for row in out)]
    if known:
        items = "".join(f"<li>{html.escape(r)}: {html.escape(HELP[r])}" for r in known)
        yield f"<p>What may help with what was left out:</p><ul>{items}</ul>"
