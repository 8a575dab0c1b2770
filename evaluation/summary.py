"""All clips' numbers in few, for people, for programs, and for tables."""

import csv
import json
from pathlib import Path

import numpy as np

from evaluation.describe import Mean, mean_with_interval
from evaluation.metrics.table import GROUPS, METRICS, OF_ALL_CLIPS
from evaluation.scorer import Row


def summarise(
    rows: list[Row], groups: tuple[str, ...], absent: dict[str, str], fid: float | None
) -> dict[str, dict]:
    """Each number by its name: what it is, its mean over clips, how sure, or why it is absent."""
    summary = {}
    for group in groups:
        for name, metric in GROUPS[group].items():
            entry = {"title": metric.title, "unit": metric.unit, "better": metric.better}
            if group in OF_ALL_CLIPS:
                mean = Mean(0 if fid is None else len(rows), fid, None, None)
            else:
                mean = mean_with_interval([row.scores[name] for row in rows if name in row.scores])
            entry |= {"clips": mean.count, "mean": mean.mean, "low": mean.low, "high": mean.high}
            if not mean.count:
                entry["absent"] = absent.get(group) or _first_reason(rows, group)
            summary[name] = entry
    return summary


def _first_reason(rows: list[Row], group: str) -> str:
    reasons = [f"{row.clip}: {row.absent[group]}" for row in rows if group in row.absent]
    return f"no clip could be scored; {reasons[0]}" if reasons else "no clip could be scored"


def as_table(summary: dict[str, dict]) -> str:
    """A line for each number, its label first; and below, what is absent and why."""
    lines = [f"{'':<18} {'mean':>9}  {'95 % interval':<19} {'clips':>5}  better   unit"]
    for entry in summary.values():
        if "absent" not in entry:
            low, high = entry["low"], entry["high"]
            interval = "" if low is None else f"{low:.3f} to {high:.3f}"
            lines.append(
                f"{entry['title']:<18} {entry['mean']:>9.3f}  {interval:<19} "
                f"{entry['clips']:>5}  {entry['better']:<8} {entry['unit']}"
            )
    absent: dict[str, list[str]] = {}
    for entry in summary.values():
        if "absent" in entry:
            absent.setdefault(entry["absent"], []).append(entry["title"])
    lines += [f"{', '.join(titles)}: absent. {reason}" for reason, titles in absent.items()]
    return "\n".join(lines)


def unscored(rows: list[Row]) -> dict[str, dict[str, str]]:
    """The clips that lack numbers which others have, with the reasons by group."""
    return {row.clip: row.absent for row in rows if row.absent}


def write_rows(path: Path, rows: list[Row]) -> None:
    """One clip a line as CSV; a number that is absent is an empty field."""
    names = [name for name in METRICS if any(name in row.scores for row in rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["clip", *names])
        for row in rows:
            table.writerow([row.clip, *(row.scores.get(name, "") for name in names)])


Scores = dict[str, dict[str, float]]  # by clip and metric


def read_scores(path: Path) -> Scores:
    """Out of a JSON file of evaluation.evaluate. Raises OSError, ValueError for any other file."""
    coded = path.read_bytes()
    try:
        rows = json.loads(coded.decode("utf-8-sig"))["clips"]
        return {
            str(row["clip"]): {name: float(score) for name, score in row["scores"].items()}
            for row in rows
        }
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        raise ValueError(f"{path} is no JSON file of evaluation.evaluate") from None


def paired_differences(ours: Scores, theirs: Scores) -> dict[str, Mean]:
    """The mean of theirs - ours over the clips that both have, by metric, with its interval."""
    clips = (ours, theirs)
    shared = sorted(clips[0].keys() & clips[1].keys())
    differences = {}
    for name in METRICS:
        both = [clip for clip in shared if all(name in side[clip] for side in clips)]
        if both:
            values = np.array([[side[clip][name] for clip in both] for side in clips])
            differences[name] = mean_with_interval(values[1] - values[0])
    return differences
