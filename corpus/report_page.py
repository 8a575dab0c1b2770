"""A corpus as one page to look at: hours, reasons, histograms, what it can train; no network."""

import base64
import html
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from atomic import write_whole
from corpus.advice import advise
from corpus.layout import face_file

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
code,pre{background:#f2f2f2;padding:.1em .3em}
pre{padding:.7em;white-space:pre-wrap}
table{border-collapse:collapse}td,th{padding:.25em .8em .25em 0;
text-align:left;vertical-align:middle;border-bottom:1px solid #ddd}td.n{text-align:right}
.charts{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0}figcaption{font-size:.85rem}
img{height:64px;margin-right:4px}rect{fill:#4878a8}text{font:11px sans-serif;fill:#444}
@media (prefers-color-scheme:dark){body{background:#181818;color:#ddd}code,pre{background:#282828}
td,th{border-color:#444}text{fill:#bbb}}
"""
BARS, CHART_WIDTH, CHART_HEIGHT = 24, 300, 110
PICTURES = 6  # of what was kept


def write_page(root: Path, rows: list[dict], path: Path, title: str = "") -> None:
    """The page of a preprocessed corpus. rows: of report.jsonl, kept clips and those left out."""
    kept = [row for row in rows if row["kept"]]
    parts = [
        f"<h1>{html.escape(title or f'The corpus in {root.name}')}</h1>",
        _totals(kept, [row for row in rows if not row["kept"]]),
        "<h2>What it can train</h2>",
        *advise(rows, str(root)),
        "<h2>What was left out</h2>",
        _reasons(root, rows),
        "<h2>What was kept</h2>",
        _faces(root, kept),
        _charts(kept),
    ]
    body = "\n".join(parts)
    write_whole(
        path,
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(root.name)}</title><style>{STYLE}</style>\n{body}\n</html>\n",
    )


def _totals(kept: list[dict], out: list[dict]) -> str:
    kept_time, lost = (_time(sum(row.get("seconds") or 0 for row in part)) for part in (kept, out))
    folders = {row["clip"].rsplit("/", 1)[0] for row in kept}
    return (
        f"<p><b>{kept_time}</b> in {len(kept)} clips of {len(folders)} folders are kept, "
        f"<b>{lost}</b> in {len(out)} stretches are left out.</p>"
    )


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:.2f} h"


def _reasons(root: Path, rows: list[dict]) -> str:
    by_reason: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        if not row["kept"]:
            by_reason[row["reason"]].append(row)
    if not by_reason:
        return "<p>Nothing.</p>"
    lines = ["<table><tr><th>reason<th>count<th>minutes<th>for example<th>"]
    for reason, group in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        minutes = sum(row.get("seconds") or 0 for row in group) / 60
        shown = [root / row["picture"] for row in group if row.get("picture")][:3]
        lines.append(
            f"<tr><td>{html.escape(reason)}<td class=n>{len(group)}<td class=n>{minutes:.1f}"
            f"<td>{html.escape(group[0]['clip'])}<td>{_images(shown)}"
        )
    return "\n".join([*lines, "</table>"])


def _faces(root: Path, kept: list[dict]) -> str:
    """Faces of some clips, evenly drawn."""
    chosen = kept[:: max(1, len(kept) // PICTURES)][:PICTURES]
    return f"<p>{_images(face_file(root / row['clip'], row['frames'] // 2) for row in chosen)}</p>"


def _images(paths: Iterable[Path]) -> str:
    codes = (base64.b64encode(path.read_bytes()).decode() for path in paths if path.is_file())
    return "".join(f"<img alt='' src='data:image/jpeg;base64,{code}'>" for code in codes)


def _charts(kept: list[dict]) -> str:
    charts = [
        ("height of the face, pixels", [row["median_face_height"] for row in kept]),
        ("length, seconds", [row["seconds"] for row in kept]),
        ("frame rate of the source", [_rate(row) for row in kept]),
        ("similarity of mouths and sound", _known(kept, "similarity")),
        ("sound early by, frames, as it came", _known(kept, "offset")),
        ("sound early by, frames, as it is kept", _known(kept, "offset_kept")),
        ("certainty", _known(kept, "certainty")),
        ("loudness, dB", _known(kept, "loudness")),
    ]
    drawn = "".join(_histogram(name, values) for name, values in charts if len(values))
    return f"<div class=charts>{drawn}</div>"


def _rate(row: dict) -> float:
    rate = row["source_fps"]
    return 0.0 if rate in (None, "None") else float(Fraction(rate))


def _known(rows: list[dict], name: str) -> list[float]:
    return [row[name] for row in rows if row.get(name) is not None]


def _histogram(name: str, values: Sequence[float]) -> str:
    """Bars as SVG: whole numbers get a bar each where they are few."""
    low, high = float(min(values)), float(max(values))
    whole = all(float(value).is_integer() for value in values) and high - low < BARS
    edges = np.arange(low - 0.5, high + 1) if whole else np.linspace(low, high or 1, BARS + 1)
    if high == low:
        edges = np.array([low - 0.5, low + 0.5])
    counts, _ = np.histogram(values, edges)
    wide = CHART_WIDTH / len(counts)
    tall = (CHART_HEIGHT - 30) / max(1, counts.max())
    bars = "".join(
        f"<rect x={at * wide:.1f} y={CHART_HEIGHT - 18 - count * tall:.1f} "
        f"width={max(wide - 1, 1):.1f} height={count * tall:.1f}><title>{count}</title></rect>"
        for at, count in enumerate(counts.tolist())
    )
    bottom = CHART_HEIGHT - 4
    return (
        f"<figure><svg width={CHART_WIDTH} height={CHART_HEIGHT}>{bars}"
        f"<text x=0 y={bottom}>{low:.4g}</text><text x={CHART_WIDTH} y={bottom} "
        f"text-anchor=end>{high:.4g}</text><text x=0 y=10>{counts.max()}</text></svg>"
        f"<figcaption>{html.escape(name)}; median {np.median(values):.4g}</figcaption></figure>"
    )
