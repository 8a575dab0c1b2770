"""From a face, a speech and a method to a video: plan, render, encode."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

import video
from face_detection import Detector, make_detector
from lipsync.backends.choice import load_backend
from lipsync.faces import describe_frames
from lipsync.people import Person, find_people
from lipsync.plan import Given, Plan, face_watch, make_plan, open_chosen, same_file
from lipsync.render import Tally, note_copied, open_writer, render
from lipsync.settings import Settings
from lipsync.smart_copy import choose_copied
from lipsync.sound import load_speech
from lipsync.stages import timed
from lipsync.watching import Progress
from models.devices import resolve_device
from models.lip_motion import FPS, LipMotion
from models.methods import weights_files


@dataclass(frozen=True)
class Report:
    """What was made, and what a user should know about it."""

    path: Path
    frame_count: int
    fps: Fraction
    tally: Tally

    @property
    def has_faces(self) -> bool:
        """Whether any frame was changed."""
        return len(self.tally.faceless) < self.frame_count

    @property
    def copied_share(self) -> float:
        """Of all frames, those that were not coded again."""
        return len(self.tally.copied) / self.frame_count

    def notes(self) -> list[str]:
        """Lines for the user; none where every frame had its face and was made."""
        counted = {
            "without a detected face, its place interpolated": self.tally.filled,
            "without a face, left as they were": self.tally.faceless,
            "with a face that is hard to see, its given mouth kept": self.tally.doubtful,
            f"({self.copied_share:.0%}) copied as they are coded": self.tally.copied,
        }
        return [
            f"{len(frames)} of {self.frame_count} frames {what}: "
            + describe_frames(frames, self.fps)
            for what, frames in counted.items()
            if frames
        ]


class LipSync:
    """A loaded method, and a face detector once one is needed, for any number of videos."""

    def __init__(
        self,
        checkpoint_path: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        detector: str = "auto",
        s3fd_path: str | Path | None = None,
        face_det_batch_size: int = 16,
        live: bool = False,
        backend: str = "torch",
        provider: str = "cpu",
    ) -> None:
        """live: for sound that is still coming, see lipsync.live. backend: one of
        lipsync.backends.choice.BACKENDS; provider: ONNX Runtime's, see export.engines.PROVIDERS.

        Raises CheckpointError, FileNotFoundError or ValueError.
        """
        self.device = resolve_device(device)
        self._checkpoint_path = checkpoint_path
        self.backend = load_backend(
            checkpoint_path,
            self.device,
            precision,
            batch_size,
            live=live,
            backend=backend,
            provider=provider,
        )
        self._detector_choice = (detector, s3fd_path, face_det_batch_size)
        self._detector: Detector | None = None

    def detector(self) -> Detector:
        """The face detector, loaded at the first call."""
        if self._detector is None:
            name, path, batch_size = self._detector_choice
            self._detector = make_detector(
                name,
                device=str(self.device),
                s3fd_path=path,
                batch_size=batch_size,
                precision="bf16" if self.backend.precision == "bf16" else "fp32",
            )
        return self._detector

    @property
    def detector_settings(self) -> dict:
        """What the places of faces depend on; empty where no detector was needed."""
        return {} if self._detector is None else self._detector.settings

    def weights(self) -> list[Path]:
        """The files of the method's networks."""
        return weights_files(self._checkpoint_path)

    def run(
        self,
        face: str | Path,
        audio: str | Path | Sequence[str | Path],
        outfile: str | Path,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Make one video, whole or not at all. Raises ValueError (MediaError, NoFaceError)."""
        audios = [audio] if isinstance(audio, str | Path) else audio
        outfile = prepare_outfile(outfile, face, *audios)
        return self.make(self.plan(face, audio, settings, progress), outfile, progress)

    def plan(
        self,
        face: str | Path,
        audio: str | Path | Sequence[str | Path],
        settings: Settings | None = None,
        progress: Progress | None = None,
        measure_delay: Callable[[Given], float] | None = None,
    ) -> Plan:
        """Open both inputs and find the faces: see make_plan. Raises ValueError."""
        return make_plan(
            face,
            audio,
            settings or Settings(),
            self.backend,
            self.detector,
            progress=progress,
            measure_delay=measure_delay,
        )

    def people(
        self,
        face: str | Path,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> list[Person]:
        """Whoever can be chosen by face_select, the largest first. Raises ValueError."""
        settings = settings or Settings()
        source = open_chosen(face, settings)
        return find_people(source, settings, self.detector, face_watch(source, progress))

    def hear(self, audio: str | Path) -> LipMotion:
        """What a speech makes the mouth do. Raises ValueError where the method hears it itself."""
        if not self.backend.generator.lip_motion:
            raise ValueError("this generator hears its speech itself: there is no lip motion")
        speech, _ = load_speech(audio, Fraction(FPS), self.backend.generator.hearing)
        speech.encode(self.backend.encode_speech, speech.frame_count)
        return LipMotion(np.stack([speech.heard(n) for n in range(speech.frame_count)]))

    def make(self, plan: Plan, outfile: Path, progress: Progress | None = None) -> Report:
        """The planned video; `outfile` is what video.prepare_output returned."""
        tally = Tally()
        copied = choose_copied(plan, outfile) if plan.settings.smart_copy else None
        total = plan.frame_count - (len(copied.frames) if copied else 0)
        rendered = render(plan, self.backend, tally, copied)
        frames = timed(rendered, tally.seconds, "waiting for frames")
        with open_writer(outfile, plan, copied) as writer, contextlib.closing(frames):
            for number, frame in enumerate(frames, 1):
                writer.write(frame, tally.times[number - 1] if tally.times else None)
                if progress:
                    progress("frames", number, total)
        if copied:
            note_copied(tally, copied, plan)
        count = len(tally.times) or plan.frame_count
        return Report(outfile, count, plan.source.fps, tally)


def prepare_outfile(outfile: str | Path, *inputs: str | Path) -> Path:
    """Make the video's folder. Raises ValueError if it cannot be put there (MediaError)."""
    outfile = video.prepare_output(outfile)
    refuse_to_overwrite(outfile, *inputs)
    return outfile


def refuse_to_overwrite(outfile: Path, *inputs: str | Path) -> None:
    """Raise ValueError where the result would take the place of something it is made from."""
    for path in map(Path, inputs):
        files = video.files_in_order(path) if path.is_dir() and outfile.exists() else [path]
        if any(same_file(outfile, file) for file in files):
            raise ValueError(f"{outfile} is an input: the result needs a name of its own")
