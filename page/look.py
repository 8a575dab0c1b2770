"""How the page looks: its style sheet, its picture, its colours and fonts."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
CSS_FILE, FAVICON = ASSETS / "page.css", ASSETS / "favicon.png"

# Gradio measures the tabs as the page is put up, before the style sheet is there.
MEASURE_AGAIN = """() => {
  for (const ms of [200, 1000, 3000]) setTimeout(() => dispatchEvent(new Event('resize')), ms);
}"""


def make_theme() -> gr.themes.Base:
    """The machine's own fonts: none are fetched."""
    system = [gr.themes.Font(name) for name in ("system-ui", "Segoe UI", "Roboto", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "Menlo", "Consolas", "monospace")]
    return gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", radius_size="md", font=system, font_mono=mono
    )
