"""numpy's BLAS on one thread in our own processes."""

import subprocess
import sys

import pytest

COUNT = """
import os, sys
from hand_pose_25d.io.blas import one_blas_thread
one_blas_thread()
import numpy as np
a = np.ones((1000, 1000))
a @ a
print(os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("asked, threads", [(None, 1), ("2", 2)])
def test_blas_takes_one_thread_unless_the_user_says_otherwise(asked, threads, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)
    done = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, check=True
    )
    assert [int(word) for word in done.stdout.split()][0] == threads
    if not asked:  # with more it depends on the machine's cores
        assert int(done.stdout.split()[1]) == 1


def test_the_command_line_asks_for_it_before_numpy_is_loaded():
    code = (
        "import sys; from hand_pose_25d import cli; assert 'numpy' not in sys.modules; "
        "cli.main(['demo', '--help'])"
    )
    check = (
        "import atexit, os; "
        "atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS'])); " + code
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split()[-1] == "1"
