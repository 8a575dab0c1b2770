"""The tensors of a TorchScript archive, read without running a line of its code.

torch.jit.load runs an archive's own `__setstate__`, which may write any file. Here its data.pkl is
walked by a reader that knows what torch's writer puts there, and calls nothing that it names.
"""

import pickletools
import zipfile
from dataclasses import dataclass, field

import torch

DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


@dataclass
class Module:
    """A module of the archive: its submodules, tensors and settings by name."""

    attributes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Name:
    """A class or function that the archive names; it is never looked up."""

    text: str  # "module name"


class Mark:
    """Where on the stack the parts of the next tuple, list or dict begin."""


def is_torchscript(archive: zipfile.ZipFile) -> bool:
    """TorchScript archives carry code and constants beside the pickled tensors."""
    return any(name.split("/")[-1] == "constants.pkl" for name in archive.namelist())


def read_torchscript(archive: zipfile.ZipFile) -> dict[str, torch.Tensor]:
    """Every tensor under its dotted name. Raises ValueError where a file is unlike torch's own.

    Of wrong bytes it may raise whatever the standard library and torch raise on them.
    """
    (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
    root = pickled.removesuffix("/data.pkl")
    if f"{root}/byteorder" in archive.namelist() and archive.read(f"{root}/byteorder") != b"little":
        raise ValueError("its numbers lie high byte first")
    module = PickleReader(archive, root).read(archive.read(pickled))
    tensors: dict[str, torch.Tensor] = {}
    _collect(module, "", tensors, set())
    return tensors


def _collect(module: Module, prefix: str, tensors: dict, seen: set[int]) -> None:
    if id(module) in seen:
        raise ValueError(f"the module {prefix} lies in two places")
    seen.add(id(module))
    for name, value in module.attributes.items():
        if isinstance(value, Module):
            _collect(value, f"{prefix}{name}.", tensors, seen)
        elif torch.is_tensor(value):
            tensors[f"{prefix}{name}"] = value


class PickleReader:
    """The operations that torch's writer of TorchScript uses, and no others."""

    def __init__(self, archive: zipfile.ZipFile, root: str):
        self.archive, self.root = archive, root
        self.stack: list = []
        self.memo: dict[int, object] = {}
        self.storages: dict[str, torch.Tensor] = {}

    def read(self, data: bytes) -> Module:
        for operation, argument, _ in pickletools.genops(data):
            self._do(operation.name, argument)
        if not isinstance(self.stack[-1], Module):
            raise ValueError("it holds no module")
        return self.stack[-1]

    def _do(self, operation: str, argument: object) -> None:
        if operation in CONSTANTS:
            self.stack.append(CONSTANTS[operation]())
        elif operation in LITERALS:
            self.stack.append(argument)
        elif operation == "GLOBAL":
            self.stack.append(Name(argument))
        elif operation in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif operation in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif operation in SHORT_TUPLES:
            length = SHORT_TUPLES[operation]
            self.stack[-length:] = [tuple(self.stack[-length:])]
        elif operation in STEPS:
            STEPS[operation](self)
        elif operation not in ("PROTO", "STOP"):
            raise ValueError(f"an operation {operation}, which torch does not write")

    def since_mark(self) -> list:
        """What was put on the stack since the last mark, which goes too."""
        place = max(n for n, value in enumerate(self.stack) if isinstance(value, Mark))
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def make_tuple(self) -> None:
        self.stack.append(tuple(self.since_mark()))

    def extend_list(self) -> None:
        values = self.since_mark()
        _expect(self.stack[-1], list).extend(values)

    def extend_dict(self) -> None:
        values = self.since_mark()
        entries = _expect(self.stack[-1], dict)
        for name, value in zip(values[::2], values[1::2], strict=True):
            entries[_expect(name, str)] = value

    def make_module(self) -> None:
        self.stack.pop()
        name = _expect(self.stack.pop(), Name)
        if not name.text.startswith("__torch__."):
            raise ValueError(f"it makes a {name.text}")
        self.stack.append(Module())

    def fill_module(self) -> None:
        state = self.stack.pop()
        if not isinstance(state, dict):
            raise ValueError("a module of it restores itself by code of its own")
        _expect(self.stack[-1], Module).attributes = state

    def find_storage(self) -> None:
        """A persistent id: ("storage", type, key, device, count) -> the numbers of that entry."""
        _, kind, key, _, count = self.stack.pop()
        if key not in self.storages:
            dtype = DTYPES[_expect(kind, Name).text.removeprefix("torch ")]
            raw = bytearray(self.archive.read(f"{self.root}/data/{_expect(key, str)}"))
            numbers = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
            if len(numbers) != count:
                raise ValueError(f"the tensor {key} has {len(numbers)} numbers, not {count}")
            self.storages[key] = numbers
        self.stack.append(self.storages[key])

    def call(self) -> None:
        """What a call that torch writes would give; nothing is called."""
        arguments = _expect(self.stack.pop(), tuple)
        name = _expect(self.stack.pop(), Name).text
        if name == "torch._utils _rebuild_tensor_v2":
            self.stack.append(_tensor(*arguments[:4]))
        elif name == "collections OrderedDict":
            self.stack.append({})
        elif name.startswith("torch.jit._pickle ") or name == "torch._utils _rebuild_parameter":
            self.stack.append(arguments[0])
        else:
            raise ValueError(f"it calls {name}")


def _tensor(storage: torch.Tensor, offset: int, size: tuple, stride: tuple) -> torch.Tensor:
    """A view; torch refuses one that reaches outside of the storage."""
    view = _expect(storage, torch.Tensor).as_strided(size, stride, offset)
    if view.numel() > storage.numel():
        raise ValueError(f"a tensor of {size} out of {storage.numel()} numbers")
    return view


def _expect(value: object, kind: type):
    if not isinstance(value, kind):
        raise ValueError(f"a {type(value).__name__} where torch writes a {kind.__name__}")
    return value


CONSTANTS = {
    "MARK": Mark,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "NONE": lambda: None,
}
LITERALS = {"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
STEPS = {
    "TUPLE": PickleReader.make_tuple,
    "APPENDS": PickleReader.extend_list,
    "SETITEMS": PickleReader.extend_dict,
    "NEWOBJ": PickleReader.make_module,
    "BUILD": PickleReader.fill_module,
    "BINPERSID": PickleReader.find_storage,
    "REDUCE": PickleReader.call,
}
