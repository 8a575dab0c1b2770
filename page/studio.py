"""The loaded networks, and the work that jobs do with them; used by the queue's thread alone."""

import logging
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from evaluation import Similarity, measure_similarity, read_expert
from evaluation.around_inference import similarity_of_given
from lipsync import LipSync, Settings
from lipsync.contact_sheet import write_contact_sheet
from lipsync.plan import Given, Plan
from lipsync.preview import draw_preview, write_preview
from lipsync.provenance import credential_notes, write_report
from models.lip_motion import LipMotion
from models.pretrained import EXPERT
from page.choices import Order
from page.files import without_paths
from page.jobs import Job
from page.limits import Limits, check_seconds

log = logging.getLogger(__name__)

FRAMES_A_SECOND = 25  # for a first guess of how long a job is
MAKING = ("faces", "looks", "frames")  # the stages of a video
SCORING = ("faces again", "score")  # of a result, or of a video alone


def _credentials(order: Order) -> list[str]:
    return [without_paths(note, *order.files) for note in credential_notes(order.files)]


def stages_of(order: Order) -> tuple[str, ...]:
    """What an order goes through, in order."""
    return (*MAKING, *(["sheet"] if order.sheet else []), *(SCORING if order.score else []))


class Studio:
    """A loaded generator; its detector and the expert are loaded when first needed."""

    def __init__(self, maker: LipSync, limits: Limits) -> None:
        self.maker, self.limits = maker, limits

    @cached_property
    def _expert(self):
        return read_expert(EXPERT, self.maker.device)

    def warm(self, face: Path) -> None:
        """Load what the first job needs, and find the sample's faces."""
        self.maker.people(face)
        log.info("ready; scores by %s", type(self._expert).__name__)

    def people(self, face: Path, job: Job) -> None:
        """Shows `people`: whoever can be chosen."""
        job.show(people=self.maker.people(face, Settings(), job.progress))

    def preview(self, order: Order, second: float, folder: Path, job: Job) -> None:
        """Shows `preview`: one PNG of place, crop and result."""
        plan = self._plan(order, job)
        target = folder / "preview.png"
        write_preview(target, draw_preview(plan, self.maker.backend, second))
        job.show(preview=target)

    def lip_sync(self, order: Order, folder: Path, job: Job) -> None:
        """Shows `video`, `notes`, `lip_motion`, `report`; then `sheet`; then `given`, `score`."""
        if order.settings.lip_motion is None and self.maker.backend.generator.lip_motion:
            kept = folder / "lip_motion.csv"  # not there yet: written as the speech is heard
            order = replace(order, settings=replace(order.settings, lip_motion=kept))
        plan = self._plan(order, job)
        report = self.maker.make(plan, folder / "result.mp4", job.progress)
        said = folder / "report.json"
        write_report(said, plan, report, self.maker.weights(), self.maker.detector_settings)
        job.show(
            video=report.path,
            notes=[*report.notes(), *_credentials(order)],
            lip_motion=order.settings.lip_motion,
            report=said,
        )
        if order.sheet and report.has_faces:
            sheet = folder / "sheet.png"
            write_contact_sheet(plan, report.path, sheet, self.maker.backend, job.progress)
            job.show(sheet=sheet)
        if order.score:
            self._score_both(plan, report.path, order, job)

    def hear(self, voice: Path, job: Job) -> None:
        """Shows `motion`: what the mouth does."""
        job.show(motion=self.heard(voice))

    def heard(self, voice: Path) -> LipMotion:
        return self.maker.hear(voice)

    def score(self, face: Path, voice: Path, job: Job) -> None:
        """Shows `score` of a video with its own sound or another."""
        job.show(score=self._similarity(face, voice, job))

    def _plan(self, order: Order, job: Job) -> Plan:
        plan = self.maker.plan(order.face, order.voice, order.settings, job.progress)
        check_seconds(float(plan.frame_count / plan.source.fps), self.limits, "the result")
        return plan

    def _score_both(self, plan: Plan, result: Path, order: Order, job: Job) -> None:
        """The given face with the new voice, where it moves at all, and the result."""
        if not plan.source.static:
            given = Given(plan.source, plan.faces, plan.sound, plan.sound_span)
            job.show(given=similarity_of_given(given, self._expert))
        job.show(score=self._similarity(result, result, job))

    def _similarity(self, face: Path, voice: Path, job: Job) -> Similarity:
        def progress(stage: str, done: int, total: int | None) -> None:
            job.progress("faces again" if stage == "faces" else stage, done, total)

        detector = self.maker.detector()
        return measure_similarity(face, voice, self._expert, detector, progress=progress)
