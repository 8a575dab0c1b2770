"""Python objects in torch's archives, read without looking up or running any of them.

The pickle is walked by a reader that calls nothing that it names: an object becomes a `Stub`,
which keeps its class's name, what it was made of and what it was given. Tensors are read only
where they are wanted, so that an optimizer's state beside a network costs no memory.
"""

import pickletools
from dataclasses import dataclass, field

import torch

from models.torchscript import DTYPES, Name, PickleReader

LITERALS = ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "LONG1", "LONG4", "BINBYTES",
            "SHORT_BINBYTES", "BINBYTES8", "SHORT_BINSTRING", "BINSTRING")  # fmt: skip
BUILTINS = {"set", "frozenset", "list", "tuple", "dict"}


@dataclass(eq=False)
class Stub:
    """An object of a class that was not looked up."""

    name: str  # "module class"
    arguments: tuple = ()
    state: object = None
    items: list = field(default_factory=list)  # appended, or (key, value) set

    @property
    def class_name(self) -> str:
        return self.name.rpartition(" ")[2].rpartition(".")[2]

    def __getitem__(self, name: str) -> object:
        """Its attribute of this name, or KeyError."""
        if not isinstance(self.state, dict):
            raise KeyError(name)
        return self.state[name]


@dataclass(frozen=True)
class Storage:
    """Numbers of the archive, not read yet."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of the archive, not read yet."""

    storage: Storage
    offset: int
    size: tuple
    stride: tuple


class ObjectReader(PickleReader):
    """Every operation that Python's pickle writes up to protocol 4; none runs anything."""

    def read(self, data: bytes) -> object:
        for operation, argument, _ in pickletools.genops(data):
            self._do(operation.name, argument)
        return self.stack[-1]

    def _do(self, operation: str, argument: object) -> None:
        if operation in LITERALS:
            self.stack.append(argument)
        elif operation in OBJECT_STEPS:
            OBJECT_STEPS[operation](self)
        elif operation == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif operation not in ("FRAME", "STOP"):
            super()._do(operation, argument)

    def add_global(self) -> None:
        name = self.stack.pop()
        self.stack.append(Name(f"{self.stack.pop()} {name}"))

    def append(self) -> None:
        value = self.stack.pop()
        self._append([value])

    def extend_list(self) -> None:
        self._append(self.since_mark())

    def set_item(self) -> None:
        value = self.stack.pop()
        self._set([self.stack.pop(), value])

    def extend_dict(self) -> None:
        self._set(self.since_mark())

    def extend_set(self) -> None:
        values = self.since_mark()
        self.stack[-1].update(_hashable(value) for value in values)

    def make_frozen_set(self) -> None:
        self.stack.append(frozenset(_hashable(value) for value in self.since_mark()))

    def make_module(self) -> None:
        arguments = self.stack.pop()
        self.stack.append(Stub(self.stack.pop().text, arguments))

    def fill_module(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Stub):
            self.stack[-1].state = state

    def find_storage(self) -> None:
        _, kind, key, _, count = self.stack.pop()
        self.stack.append(Storage(kind.text.rpartition(" ")[2], str(key), int(count)))

    def call(self) -> None:
        arguments = self.stack.pop()
        self.stack.append(_made(self.stack.pop().text, arguments))

    def materialise(self, tensor: StoredTensor) -> torch.Tensor:
        """Read a tensor's numbers. Raises ValueError where it reaches outside of them."""
        stored = tensor.storage
        if stored.key not in self.storages:
            raw = bytearray(self.archive.read(f"{self.root}/data/{stored.key}"))
            dtype = DTYPES[stored.kind]
            numbers = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
            if len(numbers) != stored.count:
                raise ValueError(f"{stored.key} has {len(numbers)} numbers, not {stored.count}")
            self.storages[stored.key] = numbers
        view = self.storages[stored.key].as_strided(tensor.size, tensor.stride, tensor.offset)
        if view.numel() > stored.count:
            raise ValueError(f"a tensor of {tensor.size} out of {stored.count} numbers")
        return view

    def _append(self, values: list) -> None:
        target = self.stack[-1]
        (target.items if isinstance(target, Stub) else target).extend(values)

    def _set(self, values: list) -> None:
        pairs = [
            (_hashable(key), value) for key, value in zip(values[::2], values[1::2], strict=True)
        ]
        target = self.stack[-1]
        if isinstance(target, Stub):
            target.items.extend(pairs)
        else:
            target.update(pairs)


def _hashable(key: object) -> object:
    """A key as plain as it is; a tensor or a list, which no dictionary takes, by its text."""
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key


def _made(name: str, arguments: tuple) -> object:
    """What a call would give; only the calls that hold plain values or tensors are understood."""
    function = name.rpartition(" ")[2]
    if name in ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor"):
        return StoredTensor(
            arguments[0], int(arguments[1]), tuple(arguments[2]), tuple(arguments[3])
        )
    if name.startswith("torch._utils _rebuild_parameter"):
        return arguments[0]
    if name in ("collections OrderedDict", "collections defaultdict"):
        return dict(arguments[0]) if name.endswith("OrderedDict") and arguments else {}
    if name == "_codecs encode" and str(arguments[1]) in ("latin1", "latin-1"):
        return arguments[0].encode("latin-1")  # bytes, as protocol 2 writes them
    if name.startswith(("builtins ", "__builtin__ ")) and function in BUILTINS:
        return list(arguments[0]) if arguments else []
    if name in ("copyreg _reconstructor", "copy_reg _reconstructor"):
        return Stub(arguments[0].text)
    return Stub(name, arguments)


OBJECT_STEPS = {
    "STACK_GLOBAL": ObjectReader.add_global,
    "APPEND": ObjectReader.append,
    "APPENDS": ObjectReader.extend_list,
    "SETITEM": ObjectReader.set_item,
    "SETITEMS": ObjectReader.extend_dict,
    "EMPTY_SET": lambda reader: reader.stack.append(set()),
    "ADDITEMS": ObjectReader.extend_set,
    "FROZENSET": ObjectReader.make_frozen_set,
    "NEWOBJ": ObjectReader.make_module,
    "BUILD": ObjectReader.fill_module,
    "BINPERSID": ObjectReader.find_storage,
    "REDUCE": ObjectReader.call,
    "POP": lambda reader: reader.stack.pop(),
    "POP_MARK": lambda reader: reader.since_mark(),
}
