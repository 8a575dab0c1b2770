"""The numbers of one clip, by the networks that one process has loaded."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

import video
from evaluation.metrics.cpbd import cpbd
from evaluation.metrics.faces import crop, face_boxes, read_faces
from evaluation.metrics.landmarks import Finder, choose_finder, landmark_distances
from evaluation.metrics.lse import FPS, is_crop, load_syncnet_v2, measure_lse
from evaluation.metrics.picture_quality import psnr, sharpness, ssim, talklip_psnr
from evaluation.metrics.reading import read_lips, words_of
from evaluation.metrics.similarity import measure_similarity
from evaluation.metrics.table import NEEDS_TRUTH
from evaluation.videos import GeneratedVideo
from face_detection import Detector, make_detector
from models.av_hubert.open_reader import Reader, open_reader
from models.devices import use_full_float32
from models.inputs import lower_half_rows
from models.pretrained import LIP_READER, AbsentError, check_hash, published_path
from models.syncnet_v2 import SyncNetV2
from synchrony.expert import Expert, read_expert
from training.word_errors import WordErrors

FACE_SIZE = 96  # px, the side of the faces that PSNR and SSIM compare
JUDGED_EVERY = 5  # frames from one that CPBD judges to the next: it is slow, and they differ little


@dataclass(frozen=True)
class Options:
    """What the numbers depend on besides the clips."""

    syncnet_checkpoint_path: Path
    syncnet_v2_path: Path | None = None
    inception_path: Path | None = None
    reader_path: Path = LIP_READER
    words: Path | None = None  # folder of the texts, where they do not lie beside the videos
    beam: int = 20  # readings that a lip reader follows at a time
    detector: str = "auto"
    device: str = "cpu"
    face_select: str = "largest"
    lse_crop: str = "auto"  # "whole": videos are crops of faces already; "face": crop them
    shortest_span: int = 25  # frames with a face, below which LSE leaves a span out


@dataclass(frozen=True)
class Row:
    """What was measured of one clip, and why the rest was not."""

    clip: str
    scores: dict[str, float] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  # by group


class Scorer:
    """Scores clips; loads each network when the first clip needs it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        use_full_float32()

    def score(self, clip: GeneratedVideo, groups: tuple[str, ...]) -> Row:
        """Every number of the groups that this clip has; a broken file makes its numbers absent."""
        row = Row(clip.name)
        for group in groups:
            try:
                row.scores.update(getattr(self, f"_{group}")(clip))
            except (AbsentError, ValueError, OSError) as error:
                row.absent[group] = str(error)
        return row

    def absent_tools(self, groups: tuple[str, ...], clips: list[GeneratedVideo]) -> dict[str, str]:
        """Groups that no clip can have, with what is missing."""
        absent = {}
        for group in groups:
            try:
                self._check_tools(group, clips)
            except (AbsentError, ValueError, OSError) as error:
                absent[group] = str(error)
        return absent

    def _check_tools(self, group: str, clips: list[GeneratedVideo]) -> None:
        if group in NEEDS_TRUTH and not any(clip.truth for clip in clips):
            raise AbsentError("needs the true videos: --truth DIR")
        if group == "leak" and not any(clip.silent for clip in clips):
            raise AbsentError(
                "needs the same videos generated with silent sound: make them with "
                "evaluation.make_videos --silent, and give --silent DIR"
            )
        if group == "fid":
            check_hash(published_path("inception", self.options.inception_path), "inception")
        tools = {"lse": "_syncnet_v2", "similarity": "_expert", "lmd": "_finder", "wer": "_reader"}
        if group in tools:
            getattr(self, tools[group])

    @cached_property
    def _detector(self) -> Detector:
        return make_detector(self.options.detector, device=self.options.device)

    @cached_property
    def _expert(self) -> Expert:
        return read_expert(self.options.syncnet_checkpoint_path, self.options.device)

    @cached_property
    def _syncnet_v2(self) -> SyncNetV2:
        return load_syncnet_v2(self.options.syncnet_v2_path, self.options.device)

    @cached_property
    def _reader(self) -> Reader:
        if not self.options.reader_path.is_file():
            raise AbsentError(
                f"no lip reader at {self.options.reader_path}: name one with --reader FILE "
                "(lip_reader_train.py makes one)"
            )
        return open_reader(self.options.reader_path, self.options.device)

    @property
    def landmark_network(self) -> str:
        """Which network finds the points of LMD."""
        return self._named_finder[0]

    @property
    def _finder(self) -> Finder:
        return self._named_finder[1]

    @cached_property
    def _named_finder(self) -> tuple[str, Finder]:
        return choose_finder(self.options.device)

    def _boxes(self, path: Path, fps, *, smooth: bool = True) -> np.ndarray:
        """The face's boxes; AbsentError where there is none in the whole video."""
        boxes = face_boxes(
            path, self._detector, fps, select=self.options.face_select, smooth=smooth
        )
        if np.isnan(boxes).all():
            raise AbsentError(f"no face in any of {len(boxes)} frames of {path}")
        return boxes

    def _faces(self, path: Path) -> Iterator[np.ndarray | None]:
        """The face in each frame of a video at its own rate, as it is: not resized."""
        fps = video.probe(path).fps or FPS
        return read_faces(path, self._boxes(path, fps), fps)

    def _lse(self, clip: GeneratedVideo) -> dict[str, float]:
        choice = self.options.lse_crop
        whole = is_crop(clip.generated) if choice == "auto" else choice == "whole"
        boxes = None if whole else self._boxes(clip.generated, FPS, smooth=False)
        found = measure_lse(
            clip.generated,
            clip.generated,
            self._syncnet_v2,
            boxes,
            shortest=self.options.shortest_span,
        )
        if found is None:
            raise AbsentError("too short: no span with a face and sound is long enough")
        return {"lse_d": found.lse_d, "lse_c": found.lse_c, "lse_offset": found.offset}

    def _similarity(self, clip: GeneratedVideo) -> dict[str, float]:
        found = measure_similarity(
            clip.generated,
            clip.generated,
            self._expert,
            self._detector,
            select=self.options.face_select,
        )
        if not found.nobs:
            raise AbsentError(
                "no five frames in a row with a face and sound: "
                f"{found.faceless} windows lack a face, {found.soundless} sound"
            )
        mean = found.describe().mean
        return {"similarity": mean, "similarity_offset": found.best_offset}

    def _pairs(self, clip: GeneratedVideo) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Generated frame, true frame, true box; at the truth's rate, where there is a face.

        Generated frames are brought to the size of the true ones.
        """
        if clip.truth is None:
            raise AbsentError("no true video of this name")
        info = video.probe(clip.truth)
        fps = info.fps or FPS
        boxes = self._boxes(clip.truth, fps)
        frames = zip(
            video.read_frames(clip.generated, fps),
            video.read_frames(clip.truth, fps),
            boxes,
            strict=False,  # the shorter of the two decides
        )
        for generated, truth, box in frames:
            if not np.isnan(box[0]):
                if generated.shape != truth.shape:
                    generated = cv2.resize(generated, (info.width, info.height))
                yield generated, truth, box

    def _compare_faces(self, clip: GeneratedVideo, compare) -> float:
        scores = []
        for generated, truth, box in self._pairs(clip):
            faces = (crop(generated, box), crop(truth, box))
            if faces[0] is not None:
                size = (FACE_SIZE, FACE_SIZE)
                scores.append(
                    compare(*(cv2.resize(face, size, interpolation=cv2.INTER_AREA)
                              for face in faces))
                )  # fmt: skip
        return _mean(scores)

    def _wer(self, clip: GeneratedVideo) -> dict[str, float]:
        words = words_of(*self._texts(clip))
        scores = {}
        for path, names in ((clip.generated, ("wer", "cer")), (clip.truth, ("wer_truth",))):
            if path is None:
                continue
            errors = WordErrors()
            found = read_lips(
                path, self._reader, self._detector,
                select=self.options.face_select, beam=self.options.beam,
            )  # fmt: skip
            errors.add(" ".join(found), words)
            scores |= dict(zip(names, (errors.wer, errors.cer), strict=False))
        return scores

    def _texts(self, clip: GeneratedVideo) -> list[Path]:
        """Where a video's words may lie: --words, beside the true one, beside itself."""
        videos = [path for path in (clip.truth, clip.generated) if path]
        named = [self.options.words / f"{clip.name}.txt"] if self.options.words else []
        return named + [path.with_suffix(".txt") for path in videos]

    def _talklip_psnr(self, clip: GeneratedVideo) -> dict[str, float]:
        return {"talklip_psnr": self._compare_faces(clip, talklip_psnr)}

    def _psnr(self, clip: GeneratedVideo) -> dict[str, float]:
        return {"psnr": self._compare_faces(clip, psnr)}

    def _ssim(self, clip: GeneratedVideo) -> dict[str, float]:
        return {"ssim": self._compare_faces(clip, ssim)}

    def _lmd(self, clip: GeneratedVideo) -> dict[str, float]:
        distances = []
        for generated, truth, box in self._pairs(clip):
            points, true_points = self._finder(generated, box), self._finder(truth, box)
            if points is not None and true_points is not None:
                distances.append(landmark_distances(points, true_points))
        sums, means = zip(*distances, strict=True) if distances else ((), ())
        return {"lmd_sum": _mean(sums), "lmd_mean": _mean(means)}

    def _cpbd(self, clip: GeneratedVideo) -> dict[str, float]:
        faces = enumerate(self._faces(clip.generated))
        judged = (cpbd(face) for number, face in faces
                  if face is not None and number % JUDGED_EVERY == 0)  # fmt: skip
        return {"cpbd": _mean([score for score in judged if score is not None])}

    def _sharpness(self, clip: GeneratedVideo) -> dict[str, float]:
        faces = (face for face in self._faces(clip.generated) if face is not None)
        return {"sharpness": _mean([sharpness(mouth_half(face)) for face in faces])}

    def _leak(self, clip: GeneratedVideo) -> dict[str, float]:
        if clip.silent is None:
            raise AbsentError("no video of this name was generated with silent sound")
        speaking = mouth_movement(self._faces(clip.generated))
        silent = mouth_movement(self._faces(clip.silent))
        if not speaking:
            raise AbsentError("the mouth does not move with speech either")
        return {"leak": silent / speaking, "movement": speaking}


def mouth_half(face: np.ndarray) -> np.ndarray:
    """The lower half of a face, which the generator makes."""
    return face[-lower_half_rows(len(face)) :]


def mouth_movement(faces: Iterator[np.ndarray | None]) -> float:
    """How far the grey levels of the mouth's half change from one frame to the next, on average.

    Raises AbsentError where no two frames in a row have a face.
    """
    changes, before = [], None
    for face in faces:
        now = None
        if face is not None:
            sized = cv2.resize(face, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA)
            now = cv2.cvtColor(mouth_half(sized), cv2.COLOR_BGR2GRAY).astype(float)
            if before is not None:
                changes.append(np.abs(now - before).mean())
        before = now
    return _mean(changes)


def _mean(scores) -> float:
    """The mean over frames; AbsentError where no frame could be scored."""
    if not len(scores):
        raise AbsentError("no frame could be scored")
    return float(np.mean(scores))
