"""Memory and processor time of a program and all that it starts. Linux: it reads /proc."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second


def family(pid: int) -> set[int]:
    """A process and all its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(_fields(stat)[1])
        except OSError:  # it has just ended
            continue
    found, before = {pid}, 0
    while len(found) > before:
        before = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def resident_bytes(pid: int) -> int:
    """What a process holds in memory; 0 when it is gone."""
    return _kilobytes(f"/proc/{pid}/status", "VmRSS") * 1024


def proportional_bytes(pid: int) -> int:
    """The same with each page that n processes share counted as 1/n; 0 when it is gone."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss") * 1024


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of its children that have ended; 0 when it is gone."""
    try:
        return sum(map(int, _fields(Path(f"/proc/{pid}/stat"))[11:15])) / TICKS
    except OSError:
        return 0.0


def _fields(stat: Path) -> list[str]:
    """From the state on: a process's name may have anything in it, and ends with a bracket."""
    return stat.read_text().rpartition(")")[2].split()


def _kilobytes(file: str, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(file).read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
