"""One clip tried: its own faults are a row of the report, and those of the machine end a run."""

import errno
import logging
import traceback
from pathlib import Path

from corpus.errors import CorpusError
from face_detection import Detector
from models.devices import DeviceError, device_faults_told
from preprocessing.clip import preprocess_clip, write_clip
from preprocessing.settings import PreprocessSettings
from preprocessing.talklip_layout import prepare_talklip
from preprocessing.videos import SourceVideo
from preprocessing.wild.preprocess_film import preprocess_film
from preprocessing.word_clip import write_word

log = logging.getLogger(__name__)

WRITERS = {"clips": write_clip, "lrw": write_word}  # by settings.layout
UNFORESEEN = "failed"  # the reason that is counted
# What the next clip would meet too: a full or locked disk, no more files to be opened.
MACHINE_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
WAY_OUT = "run again, perhaps with a smaller --batch_size: clips that are done are kept"


def try_clip(clip: SourceVideo, settings: PreprocessSettings, detector: Detector) -> dict:
    """The clip's row of the report, whatever is wrong with the clip; of a film, its `rows`.

    Raises what is wrong with the machine or the corpus: OSError, DeviceError, CorpusError.
    """
    try:
        with device_faults_told(WAY_OUT):
            if settings.wild:
                return preprocess_film(clip, settings, detector)
            if settings.bbx_root:
                return prepare_talklip(clip, settings, detector)
            return preprocess_clip(clip, settings, detector, WRITERS[settings.layout])
    except BaseException as error:  # whatever a file in millions may bring about
        if not _is_the_clips_own(error):
            raise
        log.error("%s: unforeseen", clip.source, exc_info=error)
        row = {"clip": clip.name, "kept": False, "reason": UNFORESEEN, "detail": _words(error)}
        return {"film": clip.name, "rows": [row]} if settings.wild else row


def _is_the_clips_own(error: BaseException) -> bool:
    if isinstance(error, DeviceError | CorpusError | FileExistsError):  # or somebody else's files
        return False
    if isinstance(error, OSError):
        return error.errno not in MACHINE_FAULTS
    return isinstance(error, Exception)


def _words(error: BaseException) -> str:
    """What went wrong and where, in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split()) or "no words"
    return f"{type(error).__name__}: {text} ({Path(place.filename).name}, line {place.lineno})"
