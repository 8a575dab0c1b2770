"""What came of a run over films: their stretches, and which of them came twice."""

from collections import Counter
from pathlib import Path

from corpus.doctor import told_apart
from corpus.fingerprints import find_duplicates, read_fingerprint
from corpus.layout import DONE, SET_ASIDE
from preprocessing.report import CorpusReport
from preprocessing.settings import PreprocessSettings

BROKEN = ("undecodable", "failed")


class WildReport(CorpusReport):
    """One row a stretch of any film."""

    @classmethod
    def of_films(cls, root: Path, films: list[dict]) -> "WildReport":
        """Of what film.json files hold; sets duplicates aside, of which the first name stays."""
        rows = sorted((row for film in films for row in film["rows"]), key=lambda r: r["clip"])
        kept = [row["clip"] for row in rows if row["kept"] and (root / row["clip"]).is_dir()]
        doubles = find_duplicates((name, read_fingerprint(root / name)) for name in kept)
        for name in doubles:
            if (root / name / DONE).is_file():
                (root / name / DONE).replace(root / name / SET_ASIDE)
        return cls([told_apart(row, doubles) for row in rows])

    @property
    def mostly_bad(self) -> bool:
        """Whether over half of the films could not be read; that of one little is used is usual."""
        films = {row.get("film", row["clip"]): False for row in self.rows}
        films |= {row["clip"]: True for row in self.rows if row.get("reason") in BROKEN}
        return 2 * sum(films.values()) > len(films)

    def summary(self, settings: PreprocessSettings) -> str:
        """Hours in and out, and what was left out, why and how long."""
        kept = sum(row["seconds"] for row in self.kept) / 3600
        lost = sum(row.get("seconds", 0) for row in self.skipped) / 3600
        lines = [
            f"kept {len(self.kept)} stretches, {kept:.2f} h; left out {len(self.skipped)}, "
            f"{lost:.2f} h; median face height {self.median_face_height:.0f} px"
        ]
        moved = Counter(abs(row["offset"]) for row in self.kept if row["offset"])
        if moved and settings.wild.sync_correct:
            lines.append(
                f"the sound of {sum(moved.values())} was moved, by {max(moved)} frames at most"
            )
        for reason, count in Counter(row["reason"] for row in self.skipped).most_common():
            first = next(row for row in self.skipped if row["reason"] == reason)
            lines.append(f"  {count} left out: {reason} (the first: {first['clip']})")
        return "\n".join(lines + self.warnings(settings))
