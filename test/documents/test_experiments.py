"""EXPERIMENTS.md: a line an experiment, with question, result and verdict."""

from __future__ import annotations

from pages import text

LONGEST = 200  # characters of a line


def test_a_line_an_experiment():
    rows = [line for line in text("hand_pose_25d_train/EXPERIMENTS.md").splitlines()
            if line.startswith("|") and "---" not in line]  # fmt: skip
    assert len(rows) > 150
    for row in rows:
        assert len(row) <= LONGEST, row
        assert all(cell.strip() for cell in row.strip("|").split("|")) and row.count("|") == 4, row
