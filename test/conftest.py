"""How tests run: one thread for torch and OpenCV, the same examples, files shared by processes."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import pytest
import torch
from hypothesis import HealthCheck, settings

# The same examples in every run, which is to tell of what changed; how long one takes says
# something of the machine only.
slow = [HealthCheck.too_slow]
settings.register_profile(
    "any machine", deadline=None, derandomize=True, suppress_health_check=slow
)
settings.load_profile("any machine")

cv2.setNumThreads(1)
torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption("--soak-seconds", type=float, default=600.0, help="length of the soak (600)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a file's tests to one process, since they share fixtures that take long to make.

    All of test/ros goes to one: its tests watch the clock, and would disturb each other.
    """
    from xdist.scheduler import LoadFileScheduling

    class FileScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "test/ros" if nodeid.startswith("test/ros/") else super()._split_scope(nodeid)

    return FileScheduling(config, log)
