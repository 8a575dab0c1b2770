"""The page as a whole: its head, its tabs, how it looks."""

from pathlib import Path

import gradio as gr

from page import about_tab
from page.lip_sync_tab import LipSyncTab
from page.rooms import Rooms

ASSETS = Path(__file__).parent / "assets"
CSS_FILE, FAVICON = ASSETS / "page.css", ASSETS / "favicon.png"
HEAD = """
<header class="head">
  <h1>talkface</h1>
  <p>Lip-syncs any face video to any speech.</p>
</header>"""
CONSENT = """
<p class="consent">Only lip-sync people who agreed to it, and say that the result is made.</p>"""


def lay_out(rooms: Rooms) -> gr.Blocks:
    """All components, and what they do."""
    with gr.Blocks(title="talkface", analytics_enabled=False, fill_width=False) as page:
        gr.HTML(HEAD)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Lip-sync", id="lip-sync"):
                lip_sync = LipSyncTab(rooms)
            with gr.Tab("About", id="about"):
                about_tab.lay_out(rooms)
        gr.HTML(CONSENT)
        lip_sync.on_load(page)
        page.unload(_leaver(rooms))
    return page.queue(default_concurrency_limit=None, api_open=False)


def _leaver(rooms: Rooms):
    def leave(request: gr.Request) -> None:
        rooms.leave(request.session_hash)

    return leave


def make_theme() -> gr.themes.Base:
    """The machine's own fonts: none are fetched."""
    system = [gr.themes.Font(name) for name in ("system-ui", "Segoe UI", "Roboto", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "Menlo", "Consolas", "monospace")]
    return gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", radius_size="md", font=system, font_mono=mono
    )
