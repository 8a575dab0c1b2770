"""Typed numbers with ranges, out of text and out of files: the ground of hparams.py's classes."""

import difflib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Self


@dataclass(frozen=True)
class Range:
    """Which values a number may have."""

    words: str
    holds: Callable[[float], bool]


OVER_0 = Range("must be over 0", lambda value: 0 < value < math.inf)  # where a field says nothing
FROM_0 = Range("must be 0 or more", lambda value: 0 <= value < math.inf)
BELOW_0 = Range("must be below 0", lambda value: -math.inf < value < 0)
SHARE = Range("is a share, 0 to 1", lambda value: 0 <= value <= 1)
FINITE = Range("must be a number", math.isfinite)


def number(default, within: Range = OVER_0, *, alias: str = "", formerly: str = ""):
    """A field and its range. `alias` means it too; `formerly` is read in files of before only."""
    return field(default=default, metadata={"range": within, "alias": alias, "formerly": formerly})


def from_0(default, **names):
    return number(default, FROM_0, **names)


def share(default, **names):
    return number(default, SHARE, **names)


def fixed(value, reason: str):
    """A number of the original's that stands for itself in formulas and cannot be turned."""
    return number(value, Range(f"is {value}, since {reason}", lambda other: other == value))


@dataclass(frozen=True)
class Numbers:
    """Made once in main() and passed down; never changed afterwards."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value, within = getattr(self, one.name), one.metadata.get("range", OVER_0)
            if one.type is not bool and not within.holds(value):
                raise ValueError(f"{one.name} {within.words}, not {value}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Of its numbers, in order."""
        return tuple(one.name for one in fields(cls))

    def with_overrides(self, text: str) -> Self:
        """A copy with the values of "name=value,name=value" in place of its own."""
        values = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = (piece.strip() for piece in pair.partition("="))
            if not equals:
                raise ValueError(f"expected name=value, got {pair!r}")
            for one in self._fields_called(name):
                if one.name in values:
                    raise ValueError(f"{one.name} is given twice")
                values[one.name] = _parse(name, value, one.type)
        return replace(self, **values)

    @classmethod
    def _fields_called(cls, name: str) -> list:
        found = [one for one in fields(cls) if name in (one.name, one.metadata.get("alias"))]
        if found:
            return found
        renamed = [one.name for one in fields(cls) if name == one.metadata.get("formerly")]
        if renamed:
            raise ValueError(f"{name} is called {renamed[0]} now")
        owners = [kind.__name__ for kind in _all_kinds(Numbers) if name in _spellings(kind)]
        if owners:
            raise ValueError(f"{name} is a number of {owners[0]}, not of {cls.__name__}")
        near = difflib.get_close_matches(name, _spellings(cls), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(cls.names())}"
        raise ValueError(f"unknown hyperparameter {name!r}{hint}")

    def to_dict(self) -> dict:
        """Plain values by name, for a checkpoint or a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Self:
        """The reverse of to_dict; names that this version does not know are left out.

        Raises ValueError on values of another type: files come from anywhere.
        """
        known = {}
        for one in fields(cls):
            # Where twins had prefixes, a file of before holds the other one's value by the name.
            names = (one.metadata.get("alias"), one.metadata.get("formerly"), one.name)
            name = next((name for name in names if name in values), None)
            if name is None:
                continue
            value = known[one.name] = values[name]
            if type(value) not in ((int, float) if one.type is float else (one.type,)):
                raise ValueError(f"{name}: expected {one.type.__name__}, got {value!r:.50}")
        return cls(**known)


def _all_kinds(kind: type) -> list[type]:
    """A class and all below it; the nearest first."""
    return [kind, *(lower for below in kind.__subclasses__() for lower in _all_kinds(below))]


def _spellings(kind: type) -> list[str]:
    found = [(one.name, one.metadata.get("alias"), one.metadata.get("formerly"))
             for one in fields(kind)]  # fmt: skip
    return [name for names in found for name in names if name]


def _parse(name: str, value: str, wanted: type) -> bool | int | float:
    if wanted is bool:
        if value not in ("True", "False"):
            raise ValueError(f"{name}: expected True or False, got {value!r}")
        return value == "True"
    try:
        as_float = float(value)
        if wanted is int and as_float != int(as_float):
            raise ValueError(value)
        return wanted(as_float) if "e" in value.lower() else wanted(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: expected {wanted.__name__}, got {value!r}") from None
