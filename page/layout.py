"""The page as a whole: its head, its tabs, its foot."""

import gradio as gr

from page import about_tab, live_tab
from page.client_api import add_client_api
from page.lip_motion_tab import LipMotionTab
from page.lip_sync_tab import LipSyncTab
from page.rooms import Rooms
from page.score_tab import ScoreTab

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
            with gr.Tab("Score", id="score"):
                ScoreTab(rooms)
            with gr.Tab("Lip motion", id="lip-motion"):
                LipMotionTab(rooms, lip_sync)
            with gr.Tab("Live", id="live"):
                live_tab.lay_out()
            with gr.Tab("About", id="about"):
                about_tab.lay_out(rooms)
        gr.HTML(CONSENT)
        add_client_api(rooms)
        lip_sync.on_load(page)
        page.unload(_leaver(rooms))
    return page.queue(default_concurrency_limit=None, api_open=False)


def _leaver(rooms: Rooms):
    def leave(request: gr.Request) -> None:
        rooms.leave(request.session_hash)

    return leave
