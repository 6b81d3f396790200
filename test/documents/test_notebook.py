"""The notebooks: no stored outputs, and they run from top to bottom."""

from __future__ import annotations

import json

import pytest
from pages import ROOT

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
PRINTED = {
    "quick_start": ("right hand, score", "hand_scale 1.1: wrist at 0."),
    "archive": ("exit code 0", "wave.csv", "rows of 2 recordings", "wave: ", "closure 0."),
}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_stored(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_prints_metres(notebook):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    if notebook.stem == "archive":
        pytest.importorskip("pyarrow")
    cells = nbformat.read(notebook, as_version=4)
    client = nbclient.NotebookClient(
        cells, timeout=1200, startup_timeout=600, kernel_name="python3"
    )
    client.execute()
    outputs = [output for cell in cells.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    for words in PRINTED[notebook.stem]:
        assert words in printed
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
