"""talkface.ipynb runs from top to bottom, and lies in the repository without outputs."""

import json
from pathlib import Path

import pytest

from tests.espeak_mark import needs_espeak

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "talkface.ipynb"
OWN = ("results", "runs", ".git", ".venv")  # what the notebook writes, and what it has no use for


def test_the_notebook_has_no_outputs():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    ran = [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    assert cells and not ran


@pytest.mark.slow
@needs_espeak
def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    for name in ("nbformat", "nbclient", "ipykernel", "ipywidgets"):
        pytest.importorskip(name, reason=f"the notebook needs {name} (pip install {name})")
    import nbformat
    from nbclient import NotebookClient

    for entry in ROOT.iterdir():
        if entry.name not in OWN:
            (tmp_path / entry.name).symlink_to(entry)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    said = " ".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "error:" not in said  # as scripts begin the line that says why they ended
    assert "the voice fits the face" in said and "changed: " in said
    for name in ("results/demo.mp4", "results/demo.png", "results/mine.mp4"):
        assert (tmp_path / name).stat().st_size > 10_000
    assert list((tmp_path / "runs/notebook/hearing").glob("checkpoint_*.pth"))
