"""scripts/avx2_only.sh: a process that takes this CPU for one with AVX2 alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "avx2_only.sh"
ASK = """
import json, sys
from hand_pose_25d.inference.backends.devices import cpu_has_bfloat16, cpu_has_int8
try:
    from numpy._core._multiarray_umath import __cpu_features__ as numpy_has
except ImportError:
    from numpy.core._multiarray_umath import __cpu_features__ as numpy_has
print(json.dumps([cpu_has_bfloat16(), cpu_has_int8(), numpy_has["AVX2"], numpy_has["AVX512F"]]))
"""


def can_trap_cpuid() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and {"cpuid_fault", "avx2"} <= set(info.read_text().split())


@pytest.mark.skipif(not can_trap_cpuid(), reason="this CPU or kernel cannot trap CPUID")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_program_sees_avx2_and_nothing_newer():
    done = subprocess.run(
        [SCRIPT, sys.executable, "-c", ASK], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, True, True, False]


def test_without_a_command_it_says_how_it_is_used():
    done = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "COMMAND" in done.stderr
