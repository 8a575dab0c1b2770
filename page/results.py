"""What a job that makes a video has to show, and where its errors stand."""

import gradio as gr

from page import shown
from page.charts import score_report
from page.choices import Order
from page.files import in_words
from page.jobs import Job

NOTHING = gr.skip()
PLAY_BOTH = """
element.addEventListener('click', event => {
  if (!event.target.matches('.both')) return;
  const videos = [...element.querySelectorAll('video')];
  videos.forEach(video => { video.currentTime = 0; });
  videos.forEach(video => video.play());
});
"""


def pair(elem_id: str) -> gr.HTML:
    """The place of the given beside the result."""
    return gr.HTML(elem_id=elem_id, js_on_load=PLAY_BOTH)


class Changes:
    """Parts of the page that are sent only once they differ: a player that is sent again stops."""

    def __init__(self) -> None:
        self._last: tuple[str, ...] = ()

    def of(self, parts: tuple[str, ...]) -> tuple:
        before, self._last = self._last or ("",) * len(parts), parts
        return tuple(
            part if part != old else NOTHING for part, old in zip(parts, before, strict=True)
        )


def place_fault(error: BaseException, face, voice, *others) -> tuple[str, str, str]:
    """(at the face, at the voice, at the run): an error stands beside the file that it names."""
    words = shown.told(in_words(error, face, voice, *others))
    text = str(error)
    if voice and str(voice) in text or "voice is needed" in text:
        return "", words, ""
    if face and str(face) in text or "face is needed" in text:
        return words, "", ""
    return "", "", words


def results_of(job: Job, order: Order, kind: str) -> tuple[str, str, str]:
    """What is there already: the pair, the files, the scores."""
    made = job.made
    if "video" not in made or job.is_cancelled:
        return "", "", ""
    pair = shown.beside(order.face, kind, made["video"])
    named = {
        "Video": "video",
        "Contact sheet": "sheet",
        "Lip motion": "lip_motion",
        "Report": "report",
    }
    files = [(words, made[name]) for words, name in named.items() if made.get(name)]
    report = [score_report(made["score"], "Score of the result")] if "score" in made else []
    if "given" in made:
        before = made["given"].sentences()[0]
        report.append(shown.note(f"The given face with this voice, before: {before}."))
    if "sheet" in made:
        report.append(shown.folded("Contact sheet: every face, given and made", made["sheet"]))
    return pair, shown.downloads(files), "".join(report)
