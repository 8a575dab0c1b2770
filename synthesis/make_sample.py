"""Make the sample data that comes with the repository: a clean talking head, and speeches for it.

python -m synthesis.make_sample --head_model <ICT-FaceKit> --out sample_data
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from audio import as_16_bit, save_wav
from synthesis.arguments import frame_side, span_seconds
from synthesis.figure.head import load_head
from synthesis.figure.speaker import Scene
from synthesis.render.degrade import Degradation, degrade_frame
from synthesis.renderer import Renderer
from synthesis.speech.acting import perform
from synthesis.speech.espeak import EspeakError
from synthesis.speech.performance import FPS, Performance
from synthesis.speech.utterance import Utterance, make_utterance
from synthesis.speech.voices import SAMPLE_RATE, draw_voice
from synthesis.synthetic_clip import CorpusPlan, Person, draw_person
from video import VideoWriter

SPEAKER = 2  # of the test split: its voice, language and looks are in no training set
LANGUAGES = ("en", "sv")  # of the speeches; as the test split says them
CLEAN = Degradation(
    seed=0, softness=0.0, shrink=1.0, noise=0.7, chroma_noise=0.3, jpeg_quality=None,
    block_quality=None, cast=(1.0, 1.0, 1.0), saturation=1.0, contrast=1.0, brightness=0.0,
)  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m synthesis.make_sample",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--head_model", type=Path, required=True, help="ICT-FaceKit's folder or packed .npz")
    add("--out", type=Path, default=Path("sample_data"), help="folder to write to")
    add("--seed", type=int, default=2029, help="of the head and of what is said")
    add("--seconds", type=span_seconds, default=6.0, help="of the video, and of each speech")
    add("--size", type=frame_side, default=512, help="pixels of the video's side, even")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    cv2.setNumThreads(1)
    try:
        _make_sample(args)
    except (EspeakError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def _make_sample(args: argparse.Namespace) -> None:
    """face.mp4, speech_<language>.wav of each of LANGUAGES, and what is said in a .txt of each."""
    plan = CorpusPlan(args.seed, args.seconds, args.size)
    person = draw_person(plan, SPEAKER)
    args.out.mkdir(parents=True, exist_ok=True)
    for number, language in enumerate(LANGUAGES):
        rng = np.random.default_rng((args.seed, SPEAKER, number))
        voice = draw_voice(person.split, rng, (language,))
        said = make_utterance(voice, plan.frames, rng, person.split)
        _write_speech(args.out / f"speech_{language}.wav", said)
    _write_face(args, plan, person)


def _write_speech(path: Path, said: Utterance) -> None:
    save_wav(path, as_16_bit(said.clean), SAMPLE_RATE)
    path.with_suffix(".txt").write_text(said.text + "\n", encoding="utf-8")
    print(path)


def _write_face(args: argparse.Namespace, plan: CorpusPlan, person: Person) -> None:
    rng = np.random.default_rng((args.seed, SPEAKER))
    speech_rng, acting_rng, scene_rng = rng.spawn(3)
    said = make_utterance(person.voice, plan.frames, speech_rng, person.split)
    performance = perform(said.gestures, plan.frames, person.style, person.temper, acting_rng)
    scene = _clean_scene(scene_rng)
    renderer = Renderer(load_head(args.head_model), person.looks, scene, plan.size, plan.size)
    with TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        save_wav(sound, as_16_bit(said.clean), SAMPLE_RATE)
        _encode(args.out / "face.mp4", renderer, performance, sound)
    (args.out / "face.txt").write_text(said.text + "\n", encoding="utf-8")
    print(args.out / "face.mp4")


def _clean_scene(rng: np.random.Generator) -> Scene:
    """A camera before the face, in good light, with nothing between."""
    scene = Scene.draw(rng)
    camera = replace(
        scene.camera, distance_cm=120.0, yaw=0.06, pitch=0.0, roll=0.0, face_fraction=0.46,
        centre=(0.5, 0.47), shake=0.0, shutter=0.5,
    )  # fmt: skip
    return replace(scene, camera=camera, occluder=None, degradation=CLEAN)


def _encode(path: Path, renderer: Renderer, performance: Performance, sound: Path) -> None:
    size = renderer.width, renderer.height
    with VideoWriter(path, *size, FPS, sound=sound, crf=23, preset="slow") as writer:
        for frame in range(performance.frames):
            drawn = renderer.render(performance, frame)
            writer.write(degrade_frame(drawn, CLEAN, frame))


if __name__ == "__main__":
    main()
