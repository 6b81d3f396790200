"""One thread for torch and OpenCV: the tests run beside each other on small machines."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import torch

cv2.setNumThreads(1)
torch.set_num_threads(1)
