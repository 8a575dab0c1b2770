"""The HTTP API for programs: POST /api/jobs, then GET its state and its files; see docs/page.md."""

import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import FormData, UploadFile

from page.choices import KNOWN, Order, make_order
from page.files import in_words
from page.jobs import FAILED, Job
from page.limits import (
    MEGABYTE,
    QueueFullError,
    TooMuchError,
    check_pictures,
    check_seconds,
    check_voice,
)
from page.login import is_in_page, is_login
from page.rooms import Rooms
from page.studio import FRAMES_A_SECOND, stages_of

FILES = ("face", "audio", "lip_motion", "driving_video")  # of a request; the first two must be
RESULTS = {"result": "video", "sheet": "sheet", "lip_motion": "lip_motion", "report": "report"}
ROOM_FOR_WORDS = MEGABYTE  # of a request, beside its files
RETRY_SECONDS = 20


def add_api(app: FastAPI, rooms: Rooms, login: tuple[str, str] | None) -> None:
    """Put the routes into the application."""
    router = APIRouter(prefix="/api", dependencies=[Depends(caller_check(login))])
    jobs = ApiJobs(rooms)
    router.add_api_route("/jobs", jobs.submit, methods=["POST"], status_code=202)
    router.add_api_route("/jobs/{job_id}", jobs.show, methods=["GET"])
    router.add_api_route("/jobs/{job_id}", jobs.remove, methods=["DELETE"], status_code=204)
    router.add_api_route("/jobs/{job_id}/cancel", jobs.cancel, methods=["POST"])
    router.add_api_route("/jobs/{job_id}/{name}", jobs.give, methods=["GET"])
    router.add_api_route("/limits", jobs.limits, methods=["GET"])
    app.include_router(router)
    app.add_exception_handler(HTTPException, _in_json)


class ApiJobs:
    """The jobs of programs, and where their files are."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._sessions: dict[str, str] = {}  # of each job: whose files are its own
        self._orders: dict[str, Order] = {}

    async def submit(self, request: Request, response: Response) -> dict:
        """Take a face, a voice and choices; answer with the job."""
        most = len(FILES) * self._rooms.limits.upload_mb * MEGABYTE + ROOM_FOR_WORDS
        async with Request(request.scope, _counted(request, most)).form() as form:
            job = await run_in_threadpool(self._submit, form, f"api {request.client.host}")
        response.headers["Location"] = f"/api/jobs/{job.id}"
        return self._describe(job)

    def _submit(self, form: FormData, owner: str) -> Job:
        session = secrets.token_urlsafe(12)
        folder = self._rooms.sessions.new_folder(session)
        try:
            order = self._order(form, folder)
            seconds = self._check(order)
            job = self._rooms.put(
                owner, "lip_sync", order, folder, stages=stages_of(order),
                frames=round(FRAMES_A_SECOND * seconds),
            )  # fmt: skip
        except (ValueError, OSError) as error:
            files = [*folder.iterdir()]
            self._rooms.sessions.end(session)
            raise _refusal(error, files) from error
        self._forget_what_the_queue_forgot()
        self._sessions[job.id], self._orders[job.id] = session, order
        return job

    def _forget_what_the_queue_forgot(self) -> None:
        for job_id in [known for known in self._sessions if not self._rooms.queue.find(known)]:
            self._rooms.sessions.end(self._sessions.pop(job_id))
            del self._orders[job_id]

    def _order(self, form: FormData, folder: Path) -> Order:
        files = {name: form.get(name) for name in FILES}
        for name in ("face", "audio"):
            if not isinstance(files[name], UploadFile):
                raise ValueError(f"{name} is missing: send it as a file of a multipart form")
        kept = {
            name: _keep(name, file, folder)
            for name, file in files.items()
            if isinstance(file, UploadFile)
        }
        chosen = {name: value for name, value in form.items() if name not in FILES}
        return make_order(kept.pop("face"), kept.pop("audio"), chosen, **kept)

    def _check(self, order: Order) -> float:
        """The voice's seconds. Raises ValueError for files that are none, or too much."""
        check_pictures(order.face, order.settings.driving_video, self._rooms.limits)
        seconds = check_voice(order.voice, self._rooms.limits).duration or 0.0
        if order.settings.length == "audio":
            check_seconds(seconds, self._rooms.limits, str(order.voice))
        return seconds

    def show(self, job_id: str) -> dict:
        return self._describe(self._find(job_id))

    def cancel(self, job_id: str) -> dict:
        """Cancelling what has ended changes nothing."""
        job = self._find(job_id)
        if not job.has_ended:
            self._rooms.queue.cancel(job)
        return self._describe(job)

    def remove(self, job_id: str) -> None:
        """Cancel it, and remove its files."""
        job = self._find(job_id)
        self._rooms.queue.cancel(job)
        self._rooms.leave(self._sessions.pop(job_id))
        del self._orders[job_id]

    def give(self, job_id: str, name: str) -> FileResponse:
        """One file that the job has made."""
        job = self._find(job_id)
        if name not in RESULTS:
            raise HTTPException(404, f"there is no {name!r}; there are {', '.join(RESULTS)}")
        path = job.made.get(RESULTS[name])
        if path is None or not path.is_file():
            raise HTTPException(409, f"no {name} is there: the job is {job.state}")
        return FileResponse(path, filename=f"talkface_{path.name}")

    def limits(self) -> dict:
        """What this server takes, and the names of what can be chosen."""
        limits = self._rooms.limits
        return {
            "upload_mb": limits.upload_mb,
            "seconds": limits.seconds,
            "jobs_waiting": limits.waiting,
            "jobs_of_one": limits.of_one,
            "keep_hours": limits.keep_hours,
            "choices": {name: kind.rule for name, kind in KNOWN.items()},
        }

    def _find(self, job_id: str) -> Job:
        job = self._rooms.queue.find(job_id)
        if job is None or job_id not in self._sessions:
            raise HTTPException(404, f"no such job: {job_id}")
        return job

    def _describe(self, job: Job) -> dict:
        made = job.made
        told = {
            "id": job.id,
            "state": job.state,
            "ahead": 0 if job.has_ended else self._rooms.queue.ahead_of(job),
            "stage": job.stage,
            "done": job.done,
            "total": job.total,
            "share_done": round(job.share_done, 3),
            "seconds_left": job.seconds_left,
            "files": [name for name, part in RESULTS.items() if made.get(part)],
            "notes": made.get("notes", []),
        }
        if job.state == FAILED:
            told["error"] = in_words(job.error, *self._orders[job.id].files)
        if "score" in made:
            told["score"] = made["score"].to_dict()
        return told


def _keep(name: str, file: UploadFile, folder: Path) -> Path:
    """Write an upload into the job's folder, under a harmless name that is like its own."""
    own = Path(file.filename or name)
    stem, suffix = (re.sub(r"[^\w.-]", "_", part)[-60:] for part in (own.stem, own.suffix))
    target = folder / f"{name}_{stem}{suffix}"
    with target.open("wb") as written:
        shutil.copyfileobj(file.file, written)
    return target


def _counted(request: Request, most: int):
    """The request's body as it comes, which must not grow without end."""
    received = 0

    async def receive() -> dict:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most:
            await _let_it_finish(request, message, most)
            raise HTTPException(413, f"the request is larger than {most // MEGABYTE} MB")
        return message

    return receive


async def _let_it_finish(request: Request, message: dict, most: int) -> None:
    """Throw the rest away, so that the caller reads the answer; but not without end."""
    thrown_away = 0
    while message.get("more_body") and thrown_away < most:
        message = await request.receive()
        thrown_away += len(message.get("body", b""))


def _refusal(error: Exception, files: list[Path]) -> HTTPException:
    words = in_words(error, *files)
    if isinstance(error, QueueFullError):
        return HTTPException(429, words, {"Retry-After": str(RETRY_SECONDS)})
    return HTTPException(413 if isinstance(error, TooMuchError) else 400, words)


def caller_check(
    login: tuple[str, str] | None, *, of_page: bool = False
) -> Callable[[Request], None]:
    """What a route depends on: raises HTTPException for who may not use the server.

    of_page: who has logged in on the page need not say who they are again.
    """

    def allowed(request: Request) -> None:
        _check_caller(request, None if of_page and is_in_page(request) else login)

    return allowed


def _check_caller(request: Request, login: tuple[str, str] | None) -> None:
    """Raise HTTPException for who has no login, and for pages of other sites."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "pages of other sites may not use this server")
    if login and not is_login(request.headers.get("authorization", ""), login):
        asked = {"WWW-Authenticate": 'Basic realm="talkface"'}
        raise HTTPException(401, "user and password are needed", asked)


def _in_json(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
