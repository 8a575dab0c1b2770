"""The Live tab: the browser's microphone moves a face, by WebRTC; one user at a time."""

import importlib.util
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from starlette.datastructures import UploadFile

from lipsync import LipSync, Settings
from lipsync.live import Camera, LiveSession
from models.pretrained import ROOT
from page.limits import MEGABYTE, Limits, check_face

PAGE = Path(__file__).parent / "assets" / "live.html"
SAMPLE_FACE = ROOT / "sample_data" / "face.mp4"
CAMERA = Camera(640, 480)
RATE = 48000  # Hz, WebRTC's own
MISSING = "The live tab needs aiortc: pip install -r requirements-app.txt"
FRAME = '<iframe src="/live/" allow="microphone; camera; autoplay" class="live"></iframe>'


def is_there() -> bool:
    return importlib.util.find_spec("aiortc") is not None


def lay_out() -> None:
    """The tab's only component: the page below in a frame of its own."""
    import gradio as gr

    gr.HTML(FRAME) if is_there() else gr.Markdown(MISSING)


def add_live(
    app: FastAPI,
    load: Callable[[], LipSync],
    limits: Limits,
    allowed: Callable[[Request], None],
) -> None:
    """Put the routes into the application. load: makes the networks, for live use."""
    if not is_there():
        return
    router = APIRouter(prefix="/live", dependencies=[Depends(allowed)])
    live = Live(load, limits)
    router.add_api_route("/", live.page, methods=["GET"])
    router.add_api_route("/offer", live.offer, methods=["POST"])
    app.include_router(router)


class Live:
    """The one live connection that there may be, and how it begins."""

    def __init__(self, load: Callable[[], LipSync], limits: Limits) -> None:
        self._load, self._limits = load, limits
        self._busy = threading.Lock()

    @cached_property
    def _maker(self) -> LipSync:
        return self._load()

    def page(self) -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))

    async def offer(self, request: Request) -> dict:
        """A form with `sdp`, and `face`: "sample", "camera", or a file. Answers with an sdp."""
        from page.live_link import LiveLink

        length = int(request.headers.get("content-length") or 0)
        if length > (self._limits.upload_mb + 1) * MEGABYTE:
            raise HTTPException(413, f"the face is larger than {self._limits.upload_mb} MB")
        if not self._busy.acquire(blocking=False):
            raise HTTPException(409, "somebody else is live here; try again when they have ended")
        try:
            async with request.form() as form:
                session = await self._session(form.get("face", "sample"))
                link = LiveLink(session, self._release)
                return {"type": "answer", "sdp": await link.answer(str(form.get("sdp", "")))}
        except (ValueError, OSError) as error:
            self._release()
            raise HTTPException(422, str(error)) from error

    async def _session(self, face: str | UploadFile) -> LiveSession:
        if isinstance(face, UploadFile):
            content = await face.read()
            return await run_in_threadpool(self._of_upload, content, face.filename or "face")
        if face not in ("sample", "camera"):
            raise ValueError(f"face is a file, sample or camera, not {face!r:.40}")
        shown = CAMERA if face == "camera" else SAMPLE_FACE
        return await run_in_threadpool(self._open, shown, Settings())

    def _open(self, face: Path | Camera, settings: Settings) -> LiveSession:
        return LiveSession(face, self._maker, sample_rate=RATE, settings=settings)

    def _of_upload(self, content: bytes, name: str) -> LiveSession:
        """The file is gone when its frames are held; a longer one is cut to what can be."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"face{Path(name).suffix[:8]}"
            path.write_bytes(content)
            info = check_face(path, self._limits)
            factor = max(1, round(min(info.width, info.height) / 480))
            most = HELD_SECONDS if info.kind == "video" else None
            end = None if not most or (info.duration or 0) <= most else most
            session = self._open(path, Settings(resize_factor=factor, end=end, use_cache=False))
            session.hold()
            return session

    def _release(self) -> None:
        with suppress(RuntimeError):  # it was free already
            self._busy.release()


HELD_SECONDS = 12.0  # of an uploaded video: at 480 lines they are 200 MB
