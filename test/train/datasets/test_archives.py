"""datasets/archives.py: arrays come back; what unfolds to more than it may does not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hand_pose_25d_train.datasets.archives import load_arrays
from hand_pose_25d_train.datasets.shards import ShardDataset


def test_arrays_come_back(tmp_path: Path) -> None:
    wanted = {
        "a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.array(["x", "yz"]), "d": np.zeros((0, 3), bool), "e": np.array(5),
    }  # fmt: skip
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "file.npz", **wanted)
        found = load_arrays(tmp_path / "file.npz")
        assert list(found) == list(wanted)
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
            assert found[name].flags.writeable
        assert list(load_arrays(tmp_path / "file.npz", ["b", "none"])) == ["b"]


def header(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def zipped(content: bytes, repeat: int = 1) -> bytes:
    """Return an archive of one array's content, so many times."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("seed.npy", "w", force_zip64=True) as entry:
            for _ in range(repeat):
                entry.write(content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no archive", "no archive of arrays"),
        (zipped(bytes(2**20), 2**11), "unfolds to 2147483648 bytes"),
        (zipped(header("(1000000000000,)")), "has 0 bytes, which is no array"),
        (zipped(header(f"({2**62}, {2**62})")), "has 0 bytes, which is no array"),
        (zipped(header("(-1,)") + bytes(8)), "no array of"),
        (zipped(header("(1,)", "|O") + bytes(8)), "holds objects"),
        (zipped(header("(1,)", "no type") + bytes(8)), "be read"),
        (zipped(header("((((1,)") + bytes(8)), "be read"),
        (zipped(b""), "be read"),
    ],
)  # fmt: skip
def test_what_is_no_shard_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "shard-00000.npz"
    path.write_bytes(data)
    assert len(data) < 2**22
    for read in (load_arrays, lambda path: ShardDataset(path.parent)):
        with pytest.raises(ValueError, match=message) as raised:
            read(path)
        assert str(path) in str(raised.value)


def test_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", seed=np.arange(100))
    data = bytearray((tmp_path / "good.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.npz").write_bytes(data)
    with pytest.raises(ValueError, match="bad.npz"):
        load_arrays(tmp_path / "bad.npz")
