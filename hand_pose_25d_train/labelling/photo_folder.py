"""The commands' way to name photographs and their labels: FOLDER=LABELS.npz."""

from __future__ import annotations

import argparse
from pathlib import Path


def photo_folder(text: str) -> tuple[Path, Path]:
    """Split FOLDER=LABELS.npz; raises argparse.ArgumentTypeError for another form."""
    folder, found, labels = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected FOLDER=LABELS.npz")
    return Path(folder), Path(labels)
