"""The fault campaign's command line part: exit codes, sentences, and what is written."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from functools import partial

import pytest
from campaign.command_faults import FAULTS, images_of

pytestmark = pytest.mark.campaign


def limit_files(largest: int) -> None:
    """Let the process write no more than so many bytes into a file, as a disk that is full."""
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_command_line(fault, tmp_path):
    arguments = fault.inject(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    done = subprocess.run(
        [sys.executable, "-m", "hand_pose_25d.cli", *arguments],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", **dict(fault.environment)},
        capture_output=True,
        timeout=1200,
        preexec_fn=partial(limit_files, fault.largest),
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert "Traceback" not in said and done.returncode in fault.codes, said
    assert re.search(fault.says, said), said
    assert fault.images in (-1, images_of(tmp_path)), said
    after = {path: path.read_bytes() for path in before}
    assert after == before, "no input is changed"
