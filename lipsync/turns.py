"""Who speaks when in a video, told from its own sound, or from a file that says it by hand."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import video
from atomic import write_whole
from audio import as_16_bit
from face_detection import DEFAULT_PADS, Tracks, crop_box
from lipsync.source import FaceSource
from synchrony.evidence import Evidence
from synchrony.expert import Expert
from synchrony.film_sound import FilmSound
from synchrony.fit import fit_of
from synchrony.turns import Scores, who_speaks
from video import MediaError

FORMAT = "talkface turns 1"
FPS = 25  # the expert's
CHUNK = 50  # frames that are embedded at a time
SHORTEST_TURN = 20  # frames of 25 a second
LISTENS = 0.05  # certainty, under which a face that is alone in a shot only listens
ENOUGH = 20  # windows, to say so
SURE = 0.5  # certainty, from which a shot has an offset of its own
FADE_SECONDS = 0.16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """One person speaks, from one second of the video to another."""

    begin: float
    end: float
    track: int  # a face track, by its number in --boxes


def turns_for(
    file: Path | None, source: FaceSource, tracks: Tracks, expert_path: Path, device: str
) -> list[Turn]:
    """From the file if it is there; else told from the video's own sound, and written to it.

    Raises ValueError (MediaError) where the video has no sound, or the file is none of these.
    """
    if file and file.exists():
        return read_turns(file, tracks)
    from synchrony.expert import read_expert

    turns = find_turns(source, tracks, read_expert(expert_path, device))
    if file:
        write_turns(file, turns)
        log.info("who speaks when is written to %s: edit it and run again to use it", file)
    return turns


def write_turns(file: Path, turns: list[Turn]) -> None:
    """A line a turn; seconds of the video, and the number of a track of --boxes."""
    lines = ",\n".join("  " + json.dumps(asdict(turn)) for turn in turns)
    write_whole(file, f'{{\n "format": {json.dumps(FORMAT)},\n "turns": [\n{lines}\n ]\n}}\n')


def read_turns(file: Path, tracks: Tracks) -> list[Turn]:
    """What write_turns wrote, edited or not. Raises ValueError that says what is wrong."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise ValueError(f"its format is {values.get('format')!r}, not {FORMAT!r}")
        turns = [_read_turn(entry) for entry in values["turns"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file}: no turns: {error}") from error
    unknown = {turn.track for turn in turns} - tracks.numbered.keys()
    if unknown:
        known = ", ".join(map(str, sorted(tracks.numbered))) or "none"
        raise ValueError(f"{file}: no face track has the number {min(unknown)}; there are {known}")
    return turns


def _read_turn(entry: dict) -> Turn:
    begin, end, track = entry["begin"], entry["end"], entry["track"]
    if not all(type(n) in (int, float) and abs(n) < 1e9 for n in (begin, end)) or begin >= end:
        raise ValueError(f"a turn from {begin!r} to {end!r}: seconds that rise are wanted")
    if type(track) is not int:
        raise ValueError(f"a turn of track {track!r}: a whole number is wanted")
    return Turn(float(begin), float(end), track)


def find_turns(source: FaceSource, tracks: Tracks, expert: Expert) -> list[Turn]:
    """Whose mouth fits the video's own sound best, shot by shot; a face alone may only listen."""
    if not source.info.sounds:
        raise MediaError(
            f"{source.info.path} has no sound of its own to tell by who speaks; say it by hand: "
            "--speakers FILE.json"
        )
    wav = video.read_sound(
        source.info.path, expert.hp.sample_rate, start=source.start, end=source.end
    )
    scores = _scores_of_tracks(source, tracks, expert, FilmSound(expert, as_16_bit(wav)))
    fits = {number: fit_of(by_shift) for number, (_, by_shift) in scores.items()}
    surest = max(fits.values(), key=lambda fit: fit.certainty, default=None)
    rate = FPS / tracks.fps
    edges = [0, *tracks.cuts, tracks.frame_count]
    found = []
    for begin, end in zip(edges, edges[1:], strict=False):
        there = [n for n, t in tracks.numbered.items() if begin <= t.first < end]
        shot = round(begin * rate), round(end * rate)
        found += _turns_of_shot(there, scores, shot, surest.offset if surest else 0)
    return found


def _turns_of_shot(
    there: list[int], scores: dict[int, Scores], shot: tuple[int, int], offset: int
) -> Iterator[Turn]:
    if not there:
        return
    fits = [fit_of(scores[n][1]) for n in there]
    best = max(fits, key=lambda fit: fit.certainty)
    offset = best.offset if best.certainty >= SURE else offset  # each take may have its own
    if len(there) == 1:
        fit = fit_of(scores[there[0]][1], offset)
        if fit.windows >= ENOUGH and fit.certainty < LISTENS:
            return
    speaks = who_speaks([scores[n] for n in there], *shot, SHORTEST_TURN, offset)
    edges = [0, *(np.flatnonzero(np.diff(speaks)) + 1).tolist(), len(speaks)]
    for begin, end in zip(edges, edges[1:], strict=False):
        seconds = ((shot[0] + begin) / FPS, (shot[0] + end) / FPS)
        yield Turn(round(seconds[0], 2), round(seconds[1], 2), there[speaks[begin]])


class _Listener:
    """One face's mouths as they come, embedded a few at a time."""

    def __init__(self, path: np.ndarray, expert: Expert, sound: FilmSound) -> None:
        self._path, self._expert, self._sound = path, expert, sound
        self._parts: list[Evidence] = []
        self._waiting: list[np.ndarray] = []
        self._last = -2

    def look(self, number: int, shown: int, frame: np.ndarray) -> None:
        """Take the face in a frame, if it is there. number: at 25 frames per second."""
        box = self._path[min(shown, len(self._path) - 1)]
        if np.isnan(box[0]):
            return
        try:
            crop = crop_box(box, DEFAULT_PADS, frame.shape[1], frame.shape[0])
        except ValueError:  # it has left the picture
            return
        if self._last != number - 1:
            self.embed(number)
            self._parts.append(Evidence(number))
        face = frame[crop.top : crop.bottom, crop.left : crop.right]
        self._waiting.append(self._expert.prepare(face))
        self._last = number

    def embed(self, number: int) -> None:
        """Judge what waits; number: of the frame that has come last."""
        if self._waiting:
            since = max(0, number - 2 * CHUNK)
            self._parts[-1].add(self._waiting, self._expert, self._sound, since)
            self._waiting = []

    def settle(self) -> Scores:
        settled = [part.settle() for part in self._parts or [Evidence(0)]]
        starts, scores = zip(*settled, strict=True)
        return np.concatenate(starts), np.concatenate(scores)


def _scores_of_tracks(
    source: FaceSource, tracks: Tracks, expert: Expert, sound: FilmSound
) -> dict[int, Scores]:
    """How each track's mouths fit the sound at each shift."""
    listeners = {
        number: _Listener(tracks.paths(str(number))[0], expert, sound) for number in tracks.numbered
    }
    number = 0
    for number, shown, frame in _at_25(source):
        for listener in listeners.values():
            listener.look(number, shown, frame)
            if number % CHUNK == CHUNK - 1:
                listener.embed(number)
    for listener in listeners.values():
        listener.embed(number)
    return {track: listener.settle() for track, listener in listeners.items()}


def _at_25(source: FaceSource) -> Iterator[tuple[int, int, np.ndarray]]:
    """(number at 25 frames per second, number in the source, frame), the nearest in time."""
    count = 0
    for shown, frame in enumerate(source.frames()):
        while round(count * source.fps / FPS) == shown:
            yield count, shown, frame
            count += 1


def weights_of(turns: list[Turn], number: int, frames: int, fps: float) -> np.ndarray:
    """(frames,) 1 where the track speaks, 0 where not, and a short fade within its turns' ends."""
    fade = max(1, round(FADE_SECONDS * fps))
    ramp = np.arange(1, fade + 1) / (fade + 1)
    weights = np.zeros(frames)
    for turn in turns:
        if turn.track != number:
            continue
        begin, end = (min(max(round(s * fps), 0), frames) for s in (turn.begin, turn.end))
        own = np.ones(end - begin)
        reach = min(fade, len(own) // 2)
        if begin > 0:
            own[:reach] = ramp[:reach]
        if end < frames:
            own[len(own) - reach :] = ramp[:reach][::-1]
        weights[begin:end] = np.maximum(weights[begin:end], own)
    return weights
