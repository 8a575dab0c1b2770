"""What came of a run: one row a clip in report.jsonl, and a summary for people."""

import json
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from atomic import write_whole
from preprocessing.settings import PreprocessSettings


@dataclass(frozen=True)
class CorpusReport:
    """The rows of all clips of a run, whether done in this run or before, sorted by name."""

    rows: list[dict]

    @classmethod
    def of(cls, rows: list[dict]) -> "CorpusReport":
        return cls(sorted(rows, key=lambda row: row["clip"]))

    @property
    def kept(self) -> list[dict]:
        return [row for row in self.rows if row["kept"]]

    @property
    def skipped(self) -> list[dict]:
        return [row for row in self.rows if not row["kept"]]

    @property
    def mostly_bad(self) -> bool:
        return 2 * len(self.skipped) > len(self.rows)

    @property
    def median_face_height(self) -> float:
        """Pixels of the source; each clip counts once. 0 where none was kept."""
        return float(np.median([row["median_face_height"] for row in self.kept] or [0]))

    def write(self, path: Path) -> None:
        """One JSON object a line; the same clips give the same bytes."""
        write_whole(path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def summary(self, settings: PreprocessSettings) -> str:
        """Hours kept, sizes and rates met, and what was left out, why and how often."""
        hours = sum(row["faces"] for row in self.kept) / settings.hp.fps / 3600
        lines = [
            f"kept {len(self.kept)} of {len(self.rows)} clips: {hours:.2f} h of faces, "
            f"median face height {self.median_face_height:.0f} px"
        ]
        if self.kept:
            lines.append(f"frame rates met: {self._rates()}, all to {settings.hp.fps:g}")
        for reason, count in Counter(row["reason"] for row in self.skipped).most_common():
            first = next(row for row in self.skipped if row["reason"] == reason)
            lines.append(f"  {count} left out: {reason} (the first: {first['clip']})")
        return "\n".join(lines + self.warnings(settings))

    def _rates(self) -> str:
        rates = Counter(row["source_fps"] for row in self.kept)
        shown = [f"{count} x {float(Fraction(rate)):.5g}" for rate, count in rates.most_common(6)]
        return ", ".join(shown) + (" and others" if len(rates) > 6 else "")

    def warnings(self, settings: PreprocessSettings) -> list[str]:
        warnings = []
        height = settings.hp.img_height
        if self.kept and self.median_face_height < height:
            warnings.append(
                f"warning: the median face is {self.median_face_height:.0f} px high, the "
                f"networks' {height}: blur would be learnt; larger pictures or a smaller img_size"
            )
        if 0 < settings.crop_size < height:
            warnings.append(
                f"warning: --crop_size {settings.crop_size} is below the networks' {height} px"
            )
        others = sum(row.get("other_settings", False) for row in self.kept)
        if others:
            warnings.append(
                f"warning: {others} clips were there already, made with other settings; to make "
                "them anew, remove their folders or give another --preprocessed_root"
            )
        replaced = [row["clip"] for row in self.kept if row.get("other_video")]
        if replaced:
            warnings.append(
                f"warning: {len(replaced)} videos have another size than when their clips were "
                f"made (the first: {replaced[0]}); to make these anew, remove their folders"
            )
        return warnings


def report_path(root: Path, num_shards: int, shard_index: int) -> Path:
    """Where a run writes its report: one file for each shard."""
    if num_shards == 1:
        return root / "report.jsonl"
    return root / f"report_{shard_index:05d}-of-{num_shards:05d}.jsonl"
