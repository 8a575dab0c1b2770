"""Short runs of the scripts that teach lip reading, and TalkLip, on a toy corpus."""

import json
from pathlib import Path

import lip_reader_train
import talklip_train
from tests.toy_corpus import make_corpus

SENTENCES = ("bin blue at f two now", "set red by a nine again", "place green in c one please")
FACES = (
    "img_size=32,num_workers=0,log_interval=1,batch_size=4,eval_interval=2,checkpoint_interval=2,"
    "eval_batches=1"
)
READER = (
    f"{FACES},multiplier=0.03125,width=16,hidden=32,layers=1,heads=2,decoder_layers=1,"
    "position_kernel=8,warmup_steps=0"
)
TALKLIP = f"{FACES},multiplier=0.0625,expert_max_word_errors=1,first_stage=2"


def speaking_corpus(root: Path, clips: int = 8, frames: int = 30) -> Path:
    """The toy corpus with words, and with the truth of its lips."""
    make_corpus(root, clips, frames=frames, size=32, with_truth=True)
    for number, clip in enumerate(sorted(path.parent for path in root.rglob("audio.wav"))):
        words = SENTENCES[number % len(SENTENCES)].upper()
        (clip / "words.txt").write_text(f"Text:  {words}\n")
    return root


def reader_arguments(root: Path, run_dir: Path, steps: int, *more: str, hparams="") -> list[str]:
    numbers = ",".join(filter(None, (READER, hparams)))
    return [*_common(root, run_dir, steps, numbers), "--tokenizer", "characters", *more]


def talklip_arguments(
    root: Path, reader: Path, run_dir: Path, steps: int, *more: str, hparams=""
) -> list[str]:
    numbers = ",".join(filter(None, (TALKLIP, hparams)))
    line = [*_common(root, run_dir, steps, numbers), "--reader", reader, "--train_audio_encoder"]
    return [str(part) for part in (*line, *more)]


def _common(root: Path, run_dir: Path, steps: int, numbers: str) -> list[str]:
    values = dict(pair.split("=") for pair in numbers.split(","))  # the last of two counts
    numbers = ",".join(f"{name}={value}" for name, value in values.items())
    line = ["--data_root", root, "--filelists", root / "filelists", "--checkpoint_dir", run_dir]
    line += ["--max_steps", steps, "--hparams", numbers, "--device", "cpu", "--precision", "fp32"]
    return [str(part) for part in line]


def train_reader(root: Path, run_dir: Path, steps: int = 2, *more: str, hparams="") -> Path:
    """A reader that knows nothing; its best weights."""
    arguments = reader_arguments(root, run_dir, steps, *more, hparams=hparams)
    assert lip_reader_train.main(arguments) == 0
    return run_dir / "checkpoint_best.pth"


def train_talklip(root: Path, reader: Path, run_dir: Path, steps: int, *more, hparams="") -> int:
    return talklip_train.main(
        talklip_arguments(root, reader, run_dir, steps, *more, hparams=hparams)
    )


def losses(run_dir: Path, split: str = "train") -> list[dict]:
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["split"] == split]
