"""The quick start's notebook: no stored outputs, and it runs from top to bottom."""

from __future__ import annotations

import json

import pytest
from pages import ROOT

NOTEBOOK = ROOT / "docs/notebooks/quick_start.ipynb"


def test_no_outputs_are_stored():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


def test_it_runs_and_prints_metres():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "right hand, score" in printed and "hand_scale 1.1: wrist at 0." in printed
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
