"""The page, the API and their rules put together: one web application."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from lipsync import LipSync
from page.files import Sessions
from page.limits import Limits

# What a page may load: its own server, and nothing else.
ONLY_FROM_HERE = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "form-action 'self'; frame-ancestors 'self'"
)


def make_app(
    maker: LipSync,
    limits: Limits,
    login: tuple[str, str] | None = None,
    load_live: Callable[[], LipSync] | None = None,
) -> FastAPI:
    """The whole application. load_live: makes the networks of the Live tab, at its first use."""
    sessions = Sessions(3600 * limits.keep_hours)
    # Gradio reads these as it is imported, so the modules with Gradio come after.
    os.environ["GRADIO_TEMP_DIR"] = str(sessions.root)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from page.api import add_api, caller_check
    from page.layout import lay_out
    from page.lip_sync_tab import SAMPLE_FACE
    from page.live_tab import add_live
    from page.look import CSS_FILE, FAVICON, MEASURE_AGAIN, make_theme
    from page.rooms import Rooms
    from page.studio import Studio
    from page.uploads import fetch_nothing

    rooms = Rooms(Studio(maker, limits), sessions, limits)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        rooms.queue.afterwards(lambda: rooms.studio.warm(SAMPLE_FACE))  # before the first job
        try:
            yield
        finally:
            rooms.close()

    app = FastAPI(title="talkface", lifespan=life, docs_url=None, redoc_url=None)
    app.middleware("http")(only_from_here)
    add_api(app, rooms, login)
    if load_live:
        add_live(app, load_live, limits, caller_check(login, of_page=True))
    page = lay_out(rooms)
    fetch_nothing(page)
    sessions.protect_what_is_there()
    return gr.mount_gradio_app(
        app, page, "/", auth=login, footer_links=[], run_history=False, ssr_mode=False,
        show_error=True, max_file_size=f"{limits.upload_mb}mb", theme=make_theme(),
        css_paths=CSS_FILE, js=MEASURE_AGAIN, favicon_path=str(FAVICON), pwa=False,
        enable_monitoring=False,
    )  # fmt: skip


async def only_from_here(request: Request, call_next) -> Response:
    """Have browsers load nothing from elsewhere, whatever a component would like."""
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = ONLY_FROM_HERE
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
