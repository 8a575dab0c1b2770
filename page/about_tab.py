"""The tab that says which weights are at work, their terms, the limits, and what users owe."""

from pathlib import Path

import gradio as gr

from page.rooms import Rooms

TEXT = Path(__file__).parent / "assets" / "about.md"


def lay_out(rooms: Rooms) -> None:
    limits = rooms.limits
    text = TEXT.read_text(encoding="utf-8").format(
        hours=limits.keep_hours,
        megabytes=limits.upload_mb,
        seconds=limits.seconds,
        waiting=limits.waiting,
        of_one=limits.of_one,
    )
    gr.Markdown(text, elem_classes="about")
