"""The flags of inference.py."""

import argparse
from pathlib import Path

from models.pretrained import EXPERT, LIP_WARP, ROOT

DEFAULT_OUTFILE = "results/result_voice.mp4"
DEMO_OUTFILE = "results/demo.mp4"
SAMPLE_FACE = ROOT / "sample_data" / "face.mp4"
SAMPLE_SPEECH = ROOT / "sample_data" / "speech_en.wav"
MOST_SECONDS = 1e9


def _number(text: str) -> float:
    """A float that one can count with: no infinity, no NaN."""
    value = float(text)
    if not abs(value) <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number up to {MOST_SECONDS:g}")
    return value


class OneOrMore(argparse.Action):
    """A value, or a list where there are several."""

    def __call__(self, parser, namespace, values, option=None) -> None:
        setattr(namespace, self.dest, values if len(values) > 1 else values[0])


def build_parser(kind: type[argparse.ArgumentParser] = argparse.ArgumentParser):
    parser = kind(
        description="Lip-sync any face video or still to any speech.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    _add_inputs(parser.add_argument_group("what goes in and comes out"))
    _add_picture(parser.add_argument_group("the picture"))
    _add_face(parser.add_argument_group("the face"))
    _add_mouth(parser.add_argument_group("the mouth"))
    _add_score(parser.add_argument_group("the sync score"))
    _add_coding(parser.add_argument_group("how the result is coded"))
    _add_provenance(parser.add_argument_group("what the result says of itself"))
    _add_machine(parser.add_argument_group("the machine"))
    _add_runner(parser.add_argument_group("many videos at a time, with --jobs"))
    return parser


def _add_inputs(group) -> None:
    group.add_argument("--checkpoint_path", default=str(LIP_WARP), help="generator's weights")
    group.add_argument("--face", help="video, picture, or folder of frames with the face")
    group.add_argument(
        "--audio", nargs="+", action=OneOrMore, metavar="FILE",
        help="any file with sound: the speech; several, for as many faces of --face_select",
    )  # fmt: skip
    group.add_argument(
        "--outfile", help=f"the video to make; without it {DEFAULT_OUTFILE}", metavar="FILE"
    )
    group.add_argument(
        "--jobs", metavar="FILE", help="many videos with one load: JSON lines, each with the names "
        "of these flags: {\"face\": ..., \"audio\": ..., \"outfile\": ...}",
    )  # fmt: skip
    group.add_argument(
        "--demo", action="store_true",
        help=f"make {DEMO_OUTFILE}: the head in sample_data says what it was not recorded saying; "
        "with --sheet and --score, and with your --face or --audio where given",
    )  # fmt: skip
    group.add_argument(
        "--preview", type=_number, metavar="SECOND",
        help="make no video but one PNG of this second: place, mask, crop and result",
    )  # fmt: skip
    group.add_argument(
        "--sheet", action="store_true",
        help="beside the video a PNG of its name: the face of every frame, given and made",
    )  # fmt: skip


def _add_provenance(group) -> None:
    group.add_argument(
        "--report", type=Path, metavar="FILE",
        help="write what went in and what was changed as JSON: hashes, spans, settings, versions",
    )  # fmt: skip
    group.add_argument(
        "--no_tag", action="store_true",
        help="leave the words that the lips are made out of the video's container",
    )  # fmt: skip


def _add_picture(group) -> None:
    group.add_argument("--static", action="store_true", help="use only the first frame")
    group.add_argument("--fps", type=_number, default=25.0, help="of a still or a folder of frames")
    group.add_argument("--start", type=_number, default=0.0, help="second of the video to begin at")
    group.add_argument("--end", type=_number, help="second of the video to end at")
    group.add_argument(
        "--length", choices=("audio", "video", "shortest"), default="audio",
        help="how long the result is",
    )  # fmt: skip
    group.add_argument(
        "--loop", choices=("repeat", "pingpong", "freeze"), default="repeat",
        help="what follows when the video is shorter: it again, it backwards, its last frame",
    )  # fmt: skip
    group.add_argument("--resize_factor", type=int, default=1, help="divide the size by this")
    group.add_argument("--rotate", action="store_true", help="turn right by 90 degrees")
    group.add_argument(
        "--crop", type=int, nargs=4, default=(0, -1, 0, -1),
        metavar=("TOP", "BOTTOM", "LEFT", "RIGHT"),
        help="cut the picture to this, after resizing and turning; -1 is the edge",
    )  # fmt: skip


def _add_face(group) -> None:
    group.add_argument(
        "--pads", type=int, nargs=4, default=(0, 10, 0, 0),
        metavar=("TOP", "BOTTOM", "LEFT", "RIGHT"),
        help="pixels added to the detected face; it should include the chin",
    )  # fmt: skip
    group.add_argument(
        "--box", type=int, nargs=4, default=(-1, -1, -1, -1),
        metavar=("TOP", "BOTTOM", "LEFT", "RIGHT"),
        help="the face's place in all frames; none is detected then",
    )  # fmt: skip
    group.add_argument(
        "--boxes", type=Path, metavar="FILE",
        help="face tracks as JSON: read if the file is there, else written to be edited",
    )  # fmt: skip
    group.add_argument(
        "--face_select", default="largest", metavar="WHICH", nargs="+", action=OneOrMore,
        help="largest, leftmost, rightmost, all, or the number of a track in --boxes; one for each "
        "of several --audio files",
    )  # fmt: skip
    group.add_argument(
        "--speakers", metavar="auto|FILE",
        help="only whoever speaks is given the new mouth, turn by turn: told from the video's own "
        "sound, or as a JSON file says, which is read if it is there, else written to be edited",
    )  # fmt: skip
    group.add_argument(
        "--no_face", choices=("interpolate", "keep", "error"), default="interpolate",
        help="frames without a face: fill short gaps and keep the others, keep all, stop",
    )  # fmt: skip
    group.add_argument("--nosmooth", action="store_true", help="don't smooth the face's path")
    group.add_argument("--detector", choices=("auto", "s3fd", "small", "haar"), default="auto")
    group.add_argument("--s3fd_path", metavar="FILE", help="weights of S3FD, if not in place")
    group.add_argument(
        "--detect_every", type=int, metavar="N", help="look for faces every N frames where steady"
    )
    group.add_argument("--no_cache", action="store_true", help="seek faces anew, keep no result")


def _add_mouth(group) -> None:
    group.add_argument(
        "--blend", choices=("feather", "none"), default="feather",
        help="paste the lower face with soft edges, or the whole rectangle as the original did",
    )  # fmt: skip
    group.add_argument(
        "--silence", choices=("model", "keep"), default="model",
        help="in pauses of the speech: what the model makes of silence, or the original mouth",
    )  # fmt: skip
    group.add_argument(
        "--audio_offset_ms", type=_number, default=0.0, help="above 0 the mouth moves later"
    )
    group.add_argument(
        "--legacy_timing", action="store_true",
        help="the original's: 40 ms late, and the last 0.12 s dropped; only to compare",
    )  # fmt: skip
    group.add_argument(
        "--strength", type=_between(0, 1.5), metavar="0..1.5",
        help="how far the mouth moves: 1 as it is heard, less for mumblers (lip warp)",
    )  # fmt: skip
    group.add_argument(
        "--keep_expression", type=_between(0, 1), metavar="0..1",
        help="share of the speaker's own smile that stays; all of it if not given (lip warp)",
    )  # fmt: skip
    group.add_argument(
        "--lip_motion", type=Path, metavar="FILE",
        help="lip motion as .json or .csv, of generators that are driven by it: read if the file "
        "is there, else written to be edited",
    )  # fmt: skip
    group.add_argument(
        "--driving_video", type=Path, metavar="FILE",
        help="lips of another video that move the mouth, in place of what is heard; its sound too "
        "if there is no --audio (lip warp, DAVS)",
    )  # fmt: skip
    group.add_argument(
        "--tune_steps", type=int, metavar="N",
        help="steps of tuning to the given face before it is painted, such as 5 (DAVS)",
    )  # fmt: skip
    group.add_argument(
        "--crop_only", action="store_true",
        help="write the painted face alone, as the method makes it: 256x256 (DAVS)",
    )  # fmt: skip


def _between(low: float, high: float):
    """A flag's number within bounds."""

    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not within {low} and {high}")
        return value

    number.__name__ = "number"  # as argparse calls what it is not
    return number


def _add_score(group) -> None:
    group.add_argument(
        "--score", action="store_true",
        help="print how well the speech fits the given face, and the result's",
    )  # fmt: skip
    group.add_argument(
        "--syncnet_checkpoint_path", metavar="FILE",
        help=f"the lip-sync expert that scores, and --score; without it {EXPERT}",
    )  # fmt: skip
    group.add_argument(
        "--auto_offset", action="store_true",
        help="if the expert is sure that the sound comes early or late for the given face, shift "
        "it by that much first; and --score",
    )  # fmt: skip


def _add_coding(group) -> None:
    group.add_argument(
        "--vfr", choices=("resample", "keep"), default="resample",
        help="of a video with a variable frame rate: resample makes it constant, keep shows every "
        "picture when it was shown",
    )  # fmt: skip
    group.add_argument("--crf", type=int, default=18, help="quality; lower is better and larger")
    group.add_argument(
        "--smart_copy", action="store_true",
        help="what stays as it is between two key frames of an H.264 or HEVC film is copied, not "
        "coded again; --crf is of the rest",
    )  # fmt: skip
    group.add_argument("--preset", help="speed of the encoder, such as veryfast")
    group.add_argument(
        "--codec",
        help="any video encoder of ffmpeg, as libx265, prores_ks, h264_nvenc; without it libx264, "
        "for more than 8 bits a colour libx265, for .webm libvpx-vp9",
    )
    group.add_argument(
        "--pix_fmt",
        help="pixel format to encode, as yuv420p; without it the video's own, where the encoder "
        "has it, and of RGB yuv420p",
    )


def _add_machine(group) -> None:
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    group.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    group.add_argument(
        "--backend", choices=("torch", "onnx", "openvino", "auto"), default="torch",
        help="who computes; auto measures what is installed, once, and takes the fastest",
    )  # fmt: skip
    group.add_argument(
        "--provider", choices=("cpu", "cuda", "tensorrt", "coreml", "directml"), default="cpu",
        help="of --backend onnx; all but cpu are untested",
    )  # fmt: skip
    group.add_argument(
        "--talkface_batch_size", "--wav2lip_batch_size", type=int, metavar="N",
        help="faces generated at a time; without it, what suits the device",
    )  # fmt: skip
    group.add_argument(
        "--face_det_batch_size", type=int, default=16, help="pictures searched at a time"
    )
    group.add_argument("--seed", type=int, default=0, help="of random numbers, if any are drawn")
    group.add_argument("--quiet", action="store_true", help="only errors and the path made")


def _add_runner(group) -> None:
    group.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="videos made at a time, in processes that share the processor's cores and hold the "
        "weights once; 0 is one a core",
    )  # fmt: skip
    group.add_argument(
        "--runner", choices=("local", "ray"), default="local",
        help="ray: a Ray cluster, with one core a video",
    )  # fmt: skip
    group.add_argument(
        "--ray_address", help="of the cluster; without it the one at hand, or one made here"
    )
    group.add_argument(
        "--gpus_per_video", type=float, default=0.0, help="of a Ray task: 0.25 puts 4 on a GPU"
    )
