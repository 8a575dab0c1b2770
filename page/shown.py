"""What the page shows of jobs, files and scores, as HTML; every word of a user's is escaped."""

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from urllib.parse import quote

import cv2

from lipsync.people import Person
from lipsync.progress import STAGES
from page.jobs import CANCELLED, RUNNING, WAITING, Job
from video import MediaInfo

STAGE_WORDS = {name: words[0].upper() + words[1:] for name, words in STAGES.items()}
STAGE_WORDS["faces again"] = "Finding faces in the result"
FACE_PIXELS = 112
EVERYBODY = -1  # among the numbers of clicked faces
UNSHOWN = (
    "this.outerHTML='<p class=unshown>This browser cannot play this kind of file; "
    "talkface can.</p>'"
)


def url_of(path: Path | str) -> str:
    """Where the page's own server gives a file of its temporary folder."""
    return f"gradio_api/file={quote(str(path))}"


def told(text: str) -> str:
    """An error, where it belongs; nothing without one."""
    return f'<p class="fault" role="alert">{escape(text)}</p>' if text else ""


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def noted(lines: Iterable[str]) -> str:
    return "".join(map(note, lines))


def picture(path: Path, words: str) -> str:
    return f'<img class="wide" src="{escape(url_of(path))}" alt="{escape(words)}">'


def folded(words: str, path: Path) -> str:
    """A picture that opens when its words are clicked."""
    return f"<details><summary>{escape(words)}</summary>{picture(path, words)}</details>"


def media(path: Path, info: MediaInfo, label: str) -> str:
    """A player, or the picture."""
    source = f'src="{escape(url_of(path))}" onerror="{UNSHOWN}"'
    if info.kind == "image":
        inner = f'<img {source} alt="{escape(label)}">'
    elif info.kind == "video":
        inner = f'<video {source} controls playsinline preload="auto"></video>'
    else:
        inner = f'<audio {source} controls preload="metadata"></audio>'
    return f'<figure class="media {info.kind}">{inner}</figure><p class="facts">{facts(info)}</p>'


def facts(info: MediaInfo) -> str:
    """Size, rate and length, as far as the file states them."""
    words = [escape(info.path.name)]
    if info.has_picture:
        words.append(f"{info.width}×{info.height}")
    if info.fps:
        words.append(f"{float(info.fps):g} frames/s")
    if info.duration:
        words.append(f"{info.duration:.1f} s")
    return " · ".join(words)


def progress(job: Job, ahead: int) -> str:
    """Where a job stands: its place in the queue, or its stage, share and time left."""
    if job.state == WAITING:
        words = f"{'1 job is' if ahead == 1 else f'{ahead} jobs are'} before yours"
        return _bar(0.0, "Waiting", words) if ahead else _bar(0.0, "Starting", "")
    if job.state == RUNNING and job.is_cancelled:
        return _bar(job.share_done, "Cancelling", "")
    if job.state == RUNNING:
        stage = STAGE_WORDS.get(job.stage, "Reading the files")
        count = f"{job.done} of {job.total}" if job.total else ""
        left = _time_left(job.seconds_left)
        return _bar(job.share_done, stage, " · ".join(filter(None, (count, left))))
    if job.state == CANCELLED:
        return '<p class="note">Cancelled; nothing is kept.</p>'
    return ""


def _bar(share: float, stage: str, detail: str) -> str:
    return (
        f'<div class="progress" role="progressbar" aria-valuenow="{share:.0%}">'
        f"<div class=words><b>{escape(stage)}</b><span>{escape(detail)}</span></div>"
        f'<div class=track><div class=fill style="width:{100 * share:.1f}%"></div></div></div>'
    )


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s left"
    return f"{round(seconds / 60)} min left"


def beside(given: Path, given_kind: str, result: Path) -> str:
    """The given and the result, to be played together."""
    source = f'src="{escape(url_of(given))}" onerror="{UNSHOWN}"'
    still = given_kind == "image"
    playing = "playsinline controls preload=auto"
    before = f"<img {source} alt=given>" if still else f"<video {source} muted {playing}></video>"
    after = f'<video id="result" src="{escape(url_of(result))}" {playing}></video>'
    both = "" if still else '<button type="button" class="both">Play both</button>'
    return (
        f'<div class="beside"><figure>{before}<figcaption>given</figcaption></figure>'
        f"<figure>{after}<figcaption>result</figcaption></figure></div>{both}"
    )


def downloads(files: Iterable[tuple[str, Path]]) -> str:
    """Links by what they are."""
    links = (
        f'<a href="{escape(url_of(path))}" download="{escape(name_of(path))}">{escape(words)}'
        f"<small>{path.suffix} · {_size(path)}</small></a>"
        for words, path in files
    )
    return f'<div class="downloads">{"".join(links)}</div>'


def name_of(path: Path) -> str:
    return f"talkface_{path.name}"


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{max(1, round(size / 1e3))} kB"


def people(found: list[Person], chosen: list[int]) -> str:
    """Faces to click; EVERYBODY may be among the chosen."""
    if len(found) < 2:
        return _faces(found, set(), "The face that is found:") if found else ""
    words = "Who speaks? The largest face, unless you click others."
    kind = f"everybody{_mark(EVERYBODY in chosen)}"
    everybody = f'<button type=button class="{kind}" data-number="{EVERYBODY}">Everybody</button>'
    return _faces(found, set(chosen), words) + everybody


def _faces(found: list[Person], chosen: set[int], words: str) -> str:
    faces = "".join(_face(person, person.number in chosen) for person in found)
    return f'<p class=note>{words}</p><div class="faces">{faces}</div>'


def _face(person: Person, chosen: bool) -> str:
    size = (FACE_PIXELS, FACE_PIXELS)
    small = cv2.resize(person.picture, size, interpolation=cv2.INTER_AREA)
    coded = base64.b64encode(cv2.imencode(".jpg", small)[1]).decode()
    span = f"{person.first_second:.1f}–{person.last_second:.1f} s"
    return (
        f'<button type=button class="face{_mark(chosen)}" data-number="{person.number}" '
        f'aria-pressed="{str(chosen).lower()}"><img alt="face {person.number}" '
        f'src="data:image/jpeg;base64,{coded}"><small>{span}</small></button>'
    )


def _mark(chosen: bool) -> str:
    return " chosen" if chosen else ""
