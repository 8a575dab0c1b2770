"""One clip of the corpus from its seed: who speaks, what is heard, what the head does."""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from synthesis.figure.speaker import Scene, Speaker
from synthesis.speech import espeak
from synthesis.speech.acting import Temper, perform, perform_with
from synthesis.speech.espeak import Phone
from synthesis.speech.mouth import MouthStyle
from synthesis.speech.performance import FPS, Performance
from synthesis.speech.real_speech import mouth_of_sound, take_aligned, take_recording
from synthesis.speech.sound import SoundConditions, degrade
from synthesis.speech.utterance import Utterance, make_utterance
from synthesis.speech.visemes import Gesture, gestures
from synthesis.speech.voices import SpeakerVoice, draw_voice, split_of_number
from synthesis.speech.word_utterance import say_word
from synthesis.speech.words import MOST_TAKES, word_of_clip


@dataclass(frozen=True)
class CorpusPlan:
    """Everything that the corpus depends on, but not where it is written nor by how many."""

    seed: int
    seconds: float
    size: int  # pixels of a frame's side
    languages: tuple[str, ...] = ()  # empty: all
    speech: Path | None = None  # folder of recordings to use instead of espeak-ng
    alignments: Path | None = None  # folder of their TextGrids
    words: tuple[str, ...] = ()  # a clip is of one of them, in its middle; empty: sentences
    word_videos: bool = False  # whole videos of them in LRW's layout, not aligned faces in DAVS's

    @property
    def frames(self) -> int:
        """Frames of each clip."""
        return round(self.seconds * FPS)


@dataclass(frozen=True)
class SyntheticClip:
    """What is needed to draw a clip and to say what is in it."""

    name: str  # <speaker>/<clip>
    text: str
    sound: np.ndarray  # float32 at 16 kHz
    performance: Performance
    speaker: Speaker
    scene: Scene
    record: dict  # where it all comes from, for the clip's JSON


@dataclass(frozen=True)
class Person:
    """What stays the same over one speaker's clips."""

    split: str
    looks: Speaker
    voice: SpeakerVoice
    style: MouthStyle
    temper: Temper


def clip_name(speaker: int, clip: int) -> str:
    """<speaker>/<clip>, counted from 0 and from 1: "s0003/00001"."""
    return f"s{speaker:04d}/{clip + 1:05d}"


def word_clip_name(plan: CorpusPlan, speaker: int, clip: int) -> str:
    """Of a plan of words, as DAVS names them: <split>/<class>/<number>, or as LRW does where the
    clips are videos: <WORD>/<split>/<WORD>_<number>. Numbers tell the speaker and the take.
    """
    number, take = word_of_clip(plan.words, clip)
    split, key = split_of_number(speaker), MOST_TAKES * speaker + take
    if plan.word_videos:
        word = plan.words[number].upper()
        return f"{word}/{split}/{word}_{key:05d}"
    return f"{split}/{number}/{key}"


@lru_cache(maxsize=2)
def draw_person(plan: CorpusPlan, speaker: int) -> Person:
    """A speaker by number; nobody has the same one twice, whatever is drawn before."""
    split = split_of_number(speaker)
    rng = np.random.default_rng((plan.seed, speaker))
    voice_rng, style_rng, looks_rng = rng.spawn(3)
    return Person(
        split=split,
        looks=Speaker.draw(looks_rng),
        voice=draw_voice(split, voice_rng, plan.languages),
        style=MouthStyle.draw(style_rng),
        temper=Temper.draw(style_rng),
    )


def make_clip(plan: CorpusPlan, speaker: int, clip: int) -> SyntheticClip:
    """The clip with this number of this speaker; the same plan gives the same clip."""
    person = draw_person(plan, speaker)
    rng = np.random.default_rng((plan.seed, speaker, clip))
    speech_rng, acting_rng, scene_rng = rng.spawn(3)
    said = _spoken
    name = clip_name(speaker, clip)
    if plan.words:
        number, take = word_of_clip(plan.words, clip)
        name = word_clip_name(plan, speaker, clip)
        said = partial(_word, number, take)
    elif plan.speech:
        said = _aligned if plan.alignments else _recorded
    text, sound, performance, record = said(plan, person, speech_rng, acting_rng)
    return SyntheticClip(
        name=name,
        text=text,
        sound=sound,
        performance=performance,
        speaker=person.looks,
        scene=Scene.draw(scene_rng),
        record={"seed": [plan.seed, speaker, clip], "split": person.split, "text": text} | record,
    )


def _spoken(
    plan: CorpusPlan,
    person: Person,
    speech_rng: np.random.Generator,
    acting_rng: np.random.Generator,
) -> tuple[str, np.ndarray, Performance, dict]:
    said = make_utterance(person.voice, plan.frames, speech_rng, person.split)
    performance = perform(said.gestures, plan.frames, person.style, person.temper, acting_rng)
    return said.text, said.sound, performance, _record_of(said, person)


def _record_of(said: Utterance, person: Person) -> dict:
    return {
        "synthesiser": f"espeak-ng {espeak.version()}",
        "voice": asdict(person.voice),
        "conditions": said.conditions.to_dict(),
        "phones": [_timed(phone.ipa, phone) for phone in said.phones],
        "visemes": [_timed(gesture.viseme, gesture) for gesture in said.gestures],
    }


def _word(
    number: int, take: int, plan: CorpusPlan, person: Person,
    speech_rng: np.random.Generator, acting_rng: np.random.Generator,
) -> tuple[str, np.ndarray, Performance, dict]:  # fmt: skip
    said, span = say_word(person.voice, plan.words[number], plan.frames, speech_rng)
    performance = perform(said.gestures, plan.frames, person.style, person.temper, acting_rng)
    record = {"word": plan.words[number], "class": number, "take": take}
    record |= {"word_seconds": [round(at, 4) for at in span]}
    return said.text, said.sound, performance, record | _record_of(said, person)


def _recorded(
    plan: CorpusPlan,
    person: Person,
    speech_rng: np.random.Generator,
    acting_rng: np.random.Generator,
) -> tuple[str, np.ndarray, Performance, dict]:
    recording = take_recording(plan.speech, person.split, plan.frames, speech_rng)
    mouth = mouth_of_sound(recording.sound, plan.frames, person.style)
    performance = perform_with(mouth, plan.frames, person.temper, acting_rng)
    record = {"recording": recording.source, "start_seconds": round(recording.start, 3)}
    return recording.text, recording.sound, performance, record


def _aligned(
    plan: CorpusPlan,
    person: Person,
    speech_rng: np.random.Generator,
    acting_rng: np.random.Generator,
) -> tuple[str, np.ndarray, Performance, dict]:
    recording = take_aligned(plan.speech, plan.alignments, person.split, plan.frames, speech_rng)
    said = gestures(recording.phones)
    performance = perform(said, plan.frames, person.style, person.temper, acting_rng)
    # What is heard beside a voice would be another voice, whose mouth nobody knows: no babble.
    conditions = replace(SoundConditions.draw(speech_rng), babble_level=-80.0)
    record = {
        "recording": recording.source,
        "start_seconds": round(recording.start, 3),
        "tract": round(recording.tract, 4),
        "conditions": conditions.to_dict(),
        "phones": [_timed(phone.ipa, phone) for phone in recording.phones],
        "visemes": [_timed(gesture.viseme, gesture) for gesture in said],
    }
    sound = degrade(recording.sound, conditions, speech_rng)
    return recording.text, sound, performance, record


def _timed(what: str, span: Phone | Gesture) -> list:
    return [what, round(span.start, 4), round(span.end, 4)]
