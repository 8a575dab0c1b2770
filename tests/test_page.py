"""page/: the queue, the sessions' files, what may be chosen, and what is shown; without Gradio."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from evaluation import Similarity
from lipsync.people import Person
from page import shown
from page.charts import score_report
from page.choices import make_order
from page.files import Sessions, in_words
from page.jobs import CANCELLED, DONE, FAILED, RUNNING, WAITING, JobQueue
from page.limits import Limits, QueueFullError, TooMuchError, check_face, check_seconds, check_voice
from page.pace import Pace
from tests.lipsync_material import make_face_video, make_sound
from video import MediaError

STAGES = ("faces", "frames")


@pytest.fixture
def queue():
    made = JobQueue(Limits(waiting=4, of_one=2))
    yield made
    made.close()


def wait_for(met, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class Gate:
    """Work that goes on until it is let through, telling its progress meanwhile."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self, job) -> None:
        frame = 0
        while not self.open.wait(0.005):
            frame += 1
            job.progress("frames", min(frame, 90), 100)
        job.show(video="there")


def test_one_job_runs_at_a_time_and_the_others_know_their_place(queue):
    gates = [Gate() for _ in range(3)]
    jobs = [queue.submit(f"user {at}", gate, STAGES) for at, gate in enumerate(gates)]
    wait_for(lambda: jobs[0].state == RUNNING)
    assert [job.state for job in jobs[1:]] == [WAITING, WAITING]
    assert [queue.ahead_of(job) for job in jobs] == [0, 1, 2]
    gates[0].open.set()
    wait_for(lambda: jobs[1].state == RUNNING)
    assert jobs[0].state == DONE and jobs[0].made == {"video": "there"}
    assert [queue.ahead_of(job) for job in jobs[1:]] == [0, 1]


def test_a_running_job_is_cancelled_at_its_next_frame_and_a_waiting_one_never_begins(queue):
    first, second = (queue.submit("a", Gate(), STAGES) for _ in range(2))
    wait_for(lambda: first.state == RUNNING)
    queue.cancel(second)
    assert second.state == CANCELLED and second.made == {}
    queue.cancel(first)
    wait_for(lambda: first.has_ended)
    assert first.state == CANCELLED and first.made == {}


def test_who_leaves_takes_their_jobs_along_and_nobody_elses(queue):
    mine, other = queue.submit("a", Gate(), STAGES), queue.submit("b", gate := Gate(), STAGES)
    queue.cancel_all_of("a")
    gate.open.set()
    wait_for(lambda: mine.has_ended and other.has_ended)
    assert (mine.state, other.state) == (CANCELLED, DONE)


def test_the_queue_has_an_end_for_one_and_for_all(queue):
    for _ in range(2):
        queue.submit("a", Gate(), STAGES)
    with pytest.raises(QueueFullError, match="2 of your jobs wait already"):
        queue.submit("a", Gate(), STAGES)
    for user in "bc":
        queue.submit(user, Gate(), STAGES)
    with pytest.raises(QueueFullError, match="4 jobs wait already"):
        queue.submit("d", Gate(), STAGES)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("a.mp4: no face"), "a.mp4: no face"),
        (RuntimeError("out of memory"), "something broke here, not with you: RuntimeError"),
    ],
)
def test_a_job_that_fails_says_why_and_the_next_one_runs(queue, error, words):
    def fail(job) -> None:
        raise error

    failed, next_one = queue.submit("a", fail, STAGES), queue.submit("a", gate := Gate(), STAGES)
    gate.open.set()
    wait_for(lambda: next_one.has_ended)
    assert failed.state == FAILED and in_words(failed.error).startswith(words)
    assert next_one.state == DONE


def test_the_time_left_counts_the_stages_to_come():
    pace = Pace()
    pace._seconds = {"faces": 0.1, "frames": 0.2}
    assert pace.left("faces", 5, ("frames",), 10) == pytest.approx(2.5)
    assert pace.share_done(STAGES, "faces", 10, 10) == pytest.approx(1 / 3)
    assert pace.share_done(STAGES, "frames", 5, 10) == pytest.approx(2 / 3)


def test_sessions_have_files_apart_which_go_with_them():
    sessions = Sessions(keep_seconds=3600)
    sample = sessions.root / "sample" / "face.mp4"
    shared_upload, own_upload = (sessions.root / name / "a.mp4" for name in ("x", "y"))
    for path in (sample, shared_upload, own_upload):
        path.parent.mkdir()
        path.write_bytes(b"1")
    sessions._protected = {sample.parent}
    mine, theirs = sessions.new_folder("me"), sessions.new_folder("them")
    assert mine.parent != theirs.parent
    for path in (sample, shared_upload, own_upload):
        sessions.claim("me", path)
    sessions.claim("them", shared_upload)
    sessions.end("me")
    assert not mine.exists() and not own_upload.exists()
    assert theirs.exists() and shared_upload.exists() and sample.exists()
    sessions.end("them")
    assert not theirs.exists() and not shared_upload.exists()
    sessions.close()
    assert not sessions.root.exists()


def test_no_session_reaches_files_outside_the_uploads(tmp_path):
    sessions = Sessions(keep_seconds=3600)
    outside = tmp_path / "secret"
    outside.write_text("x")
    (sessions.root / "up").mkdir()
    (sessions.root / "up" / "link").symlink_to(outside)
    for path in (outside, sessions.root / ".." / tmp_path.name, sessions.root / "up" / "link"):
        with pytest.raises(ValueError, match="upload it again"):
            sessions.claim("me", path)
    sessions.close()


def test_what_nobody_ends_is_swept():
    sessions = Sessions(keep_seconds=-1)  # whatever is there is too old
    (sessions.root / "upload").mkdir()
    (sessions.root / "stray").write_bytes(b"")
    folder = sessions.new_folder("me")
    sessions.sweep()
    assert not folder.exists() and list(sessions.root.iterdir()) == [sessions.root / "sessions"]
    sessions.close()


def test_choices_are_checked_and_named():
    chosen = {"strength": "0.8", "pads": "0 20 0 0", "silence": "keep", "score": False, "end": None}
    order = make_order(Path("f"), Path("v"), chosen)
    assert order.settings.options == {"strength": 0.8}
    assert tuple(order.settings.pads) == (0, 20, 0, 0)
    assert (order.settings.silence, order.settings.end, order.score) == ("keep", None, False)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("strength", 2, "strength must be a number from 0 to 1.5, not 2"),
        ("strength", "much", "strength must be a number from 0 to 1.5, not 'much'"),
        ("audio_offset_ms", float("nan"), "audio_offset_ms must be a number"),
        ("pads", "0 10 0", "pads must be four whole numbers"),
        ("pads", 5, "pads must be four whole numbers"),
        ("silence", ["keep"], "silence must be one of model, keep"),
        ("score", "yes", "score must be true or false"),
        ("driving_video", "/etc/passwd", "unknown choice 'driving_video'"),
        ("codec", "rawvideo", "unknown choice 'codec'"),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line(name, value, words):
    with pytest.raises(ValueError) as error:
        make_order(Path("f"), Path("v"), {name: value})
    assert str(error.value).startswith(words)


def test_whoever_speaks_is_not_chosen_as_well():
    order = make_order(Path("f"), Path("v"), {"speakers": "auto", "face_select": "largest"})
    assert order.settings.speakers == "auto"
    with pytest.raises(ValueError, match="choose no face as well"):
        make_order(Path("f"), Path("v"), {"speakers": "auto", "face_select": "1,2"})


def test_files_that_are_none_or_too_much_are_refused(tmp_path):
    film = make_face_video(tmp_path / "film.mkv", frames=3)
    sound = make_sound(tmp_path / "voice.wav")
    text = tmp_path / "note.mp4"
    text.write_text("no film")
    limits = Limits(upload_mb=1, seconds=5)
    assert check_face(film, limits).kind == "video" and check_voice(sound, limits).sounds
    with pytest.raises(MediaError, match="has no pictures, only sound"):
        check_face(sound, limits)
    with pytest.raises(MediaError, match="has no sound track"):
        check_voice(film, limits)
    with pytest.raises(MediaError, match="cannot be read as video or sound"):
        check_face(text, limits)
    text.write_bytes(bytes(1_600_000))
    with pytest.raises(TooMuchError, match="up to 1 MB"):
        check_face(text, limits)
    with pytest.raises(TooMuchError, match="up to 5 s"):
        check_seconds(6, limits, "the result")


def test_what_users_wrote_is_escaped():
    assert "<script>" not in shown.told("<script>x</script>.mp4: no face")
    assert shown.told("") == ""
    assert "/tmp/up" not in in_words(ValueError("/tmp/up/a.mp4: no face"), "/tmp/up/a.mp4")


def test_faces_are_shown_to_be_clicked():
    people = [Person(at, np.full((40, 30, 3), 90, np.uint8), 0.0, 1.5) for at in (3, 5)]
    drawn = shown.people(people, [5])
    assert drawn.count("data:image/jpeg") == 2 and "Everybody" in drawn
    assert drawn.count('aria-pressed="true"') == 1 and 'data-number="3"' in drawn
    assert "Everybody" not in shown.people(people[:1], []) and shown.people([], []) == ""


@pytest.mark.parametrize("windows", [0, 60])
def test_a_score_is_drawn_with_its_verdict(windows):
    by_shift = np.full((windows, 31), 0.2)
    by_shift[:, 15] = 0.9
    score = Similarity(np.arange(windows), by_shift, 0, 0, 25.0)
    drawn = score_report(score, "Score")
    if windows:
        assert "The voice fits the face (mean similarity 0.900" in drawn and "best 0" in drawn
        assert drawn.count("<svg") == 4  # two drawings, for a wide page and for a phone
    else:
        assert "No window could be scored" in drawn and "<svg" not in drawn
