"""fairseq's files, as AV-HuBERT and its lip readers were published in, read without fairseq.

Beside the weights they hold the settings of the training and the text side: dictionaries of tokens
and a SentencePiece model, as objects of fairseq's classes. models/object_reader.py keeps these as
stubs; nothing in a file is run.
"""

import logging
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from models.checkpoint_error import BROKEN, CheckpointError
from models.object_reader import ObjectReader, StoredTensor, Stub

log = logging.getLogger(__name__)

PRETRAINING = "final_proj."  # weights of the pre-training's clusters alone, which no network has
TERMS = (
    "AV-HuBERT's published weights, and what was fine-tuned from them, are for non-commercial "
    "research only (Meta's licence)"
)
DEEPEST = 64  # of what lies in one another


@dataclass(frozen=True)
class TextSide:
    """What a lip reader's tokens stand for."""

    dictionaries: tuple[tuple[str, ...], ...]  # each the symbols of tokens 0, 1, ...
    sentencepiece: bytes | None  # a serialised model

    def symbols(self, vocabulary: int) -> tuple[str, ...] | None:
        """The dictionary of a decoder with so many tokens, or None."""
        return next((names for names in self.dictionaries if len(names) == vocabulary), None)


@dataclass(frozen=True)
class FairseqFile:
    """A network as fairseq saved it."""

    weights: dict[str, torch.Tensor]
    text: TextSide
    label_smoothing: float | None  # of the training, where the file says so


def read_fairseq(path: Path) -> FairseqFile | None:
    """The network of a file of fairseq's, or None if it is none. Raises CheckpointError."""
    with _opened(path) as reader:
        content = reader.content
        if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
            return None
        settings = content.get("cfg") or content.get("args")
        if settings is None and "task_state" not in content:
            return None
        weights = {
            str(name): reader.materialise(value)
            for name, value in content["model"].items()
            if isinstance(value, StoredTensor) and not str(name).startswith(PRETRAINING)
        }
        log.warning("%s: %s", path, TERMS)
        smoothing = next(_values(settings, "label_smoothing"), None)
        return FairseqFile(weights, _text_side(content.get("task_state")), _number(smoothing))


def read_text_side(path: Path) -> TextSide:
    """Dictionaries and SentencePiece model of any of fairseq's files, as TalkLip's task_state.pt.

    Raises CheckpointError.
    """
    with _opened(path) as reader:
        text = _text_side(reader.content)
    if not text.dictionaries:
        raise CheckpointError(f"{path} holds no dictionary of tokens")
    return text


class _Opened(ObjectReader):
    """A file's archive with what its pickle says, open for its tensors."""

    def __init__(self, path: Path, archive: zipfile.ZipFile):
        pickled = [name for name in archive.namelist() if name.split("/")[-1] == "data.pkl"]
        if len(pickled) != 1:
            raise CheckpointError(f"{path} is no archive of torch's: it has no data.pkl")
        super().__init__(archive, pickled[0].rpartition("/")[0])
        self.path = path
        self.content = self.read(archive.read(pickled[0]))

    def __enter__(self) -> "_Opened":
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.archive.close()
        if isinstance(error, BROKEN) and not isinstance(error, CheckpointError):
            raise CheckpointError(f"{self.path} is broken: {error}") from error


def _opened(path: Path) -> _Opened:
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path} is no archive of torch's (1.6 and later): load it there and save it again"
        )
    archive = zipfile.ZipFile(path)
    try:
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise CheckpointError(f"{path} unpacks to more than it is: torch writes no such files")
        return _Opened(path, archive)
    except BROKEN as error:
        archive.close()
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} is broken: {error}") from error


def _text_side(content: object) -> TextSide:
    stubs = list(_stubs(content))
    dictionaries = [_symbols(stub) for stub in stubs if stub.class_name == "Dictionary"]
    models = [stub.state for stub in stubs if stub.class_name == "SentencePieceProcessor"]
    model = next((state for state in models if isinstance(state, bytes)), None)
    return TextSide(tuple(filter(None, dictionaries)), model)


def _symbols(dictionary: Stub) -> tuple[str, ...] | None:
    try:
        symbols = tuple(dictionary["symbols"])
    except (KeyError, TypeError):
        return None
    return symbols if all(isinstance(symbol, str) for symbol in symbols) else None


def _stubs(value: object) -> Iterator[Stub]:
    for found in _within(value):
        if isinstance(found, Stub):
            yield found


def _values(value: object, name: str) -> Iterator[object]:
    """Everything of this name in dictionaries and objects, however deep."""
    for found in _within(value):
        named = found.state if isinstance(found, Stub) else found
        if isinstance(named, dict) and name in named:
            yield named[name]


def _within(value: object) -> Iterator[object]:
    """A value and all that lies in it, each object once."""
    seen: set[int] = set()
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if id(found) in seen or depth > DEEPEST:
            continue
        seen.add(id(found))
        yield found
        if isinstance(found, Stub):
            parts = [found.state, *found.arguments, *found.items]
        elif isinstance(found, dict):
            parts = list(found.values())
        else:
            parts = list(found) if isinstance(found, list | tuple) else []
        waiting += [(part, depth + 1) for part in reversed(parts)]


def _number(value: object) -> float | None:
    """A plain number, or one in an object of the settings' own class."""
    if isinstance(value, Stub):
        value = next(_values(value, "_val"), None)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and 0 <= value < 1 else None
