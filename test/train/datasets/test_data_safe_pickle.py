"""The restricted unpickler: what it reads, and what it refuses without running anything."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from pace import at_most

from hand_pose_25d_train.datasets.safe_pickle import UnsafePickleError, load_pickle


@pytest.mark.parametrize("protocol", range(6))
def test_reads_numbers_and_arrays(tmp_path, protocol):
    content = {
        0: {"xyz": np.arange(6.0).reshape(2, 3), "K": np.eye(3, dtype=np.float32)},
        1: {"fortran": np.asfortranarray(np.arange(6).reshape(2, 3)), "name": "a", "n": 3},
        2: [np.float64(1.5), (True, None, 2.5), np.array([1, 2], ">i2"), b"raw"],
    }
    path = tmp_path / "content.pickle"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    read = load_pickle(path)
    np.testing.assert_array_equal(read[0]["xyz"], [[0, 1, 2], [3, 4, 5]])
    assert read[0]["K"].dtype == np.float32 and read[0]["K"].trace() == 3
    np.testing.assert_array_equal(read[1]["fortran"], [[0, 1, 2], [3, 4, 5]])
    assert read[1]["name"] == "a" and read[2][0] == 1.5 and read[2][1] == (True, None, 2.5)
    np.testing.assert_array_equal(read[2][2], [1, 2])
    assert read[2][3] == b"raw"


def test_reads_what_python_2_wrote(tmp_path):
    # protocol 0 of Python 2: {0: {'xyz': array([1., 2.])}}, the array's bytes as a str
    raw = np.array([1.0, 2.0]).tobytes().decode("latin1")
    text = (
        "(dI0\n(dS'xyz'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        "(I1\n(I2\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS"
        + repr(raw)
        + "\ntbss."
    )
    path = tmp_path / "old.pickle"
    path.write_bytes(text.encode("latin1"))
    np.testing.assert_array_equal(load_pickle(path)[0]["xyz"], [1.0, 2.0])


class RunsCode:
    """What an attacker would put into a pickle."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_refuses_code_and_does_not_run_it(tmp_path, protocol):
    target = tmp_path / "was_run"
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps({0: {"xyz": RunsCode(target)}}, protocol=protocol))
    with pytest.raises(UnsafePickleError, match=r"evil.pickle: .*mkdir.*not allowed"):
        load_pickle(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())  # the attack is real: the plain reader runs it
    assert target.exists()


@pytest.mark.parametrize(
    "global_name",
    ["builtins eval", "builtins getattr", "numpy load", "numpy.f2py.crackfortran myeval"],
)
def test_refuses_every_other_name(tmp_path, global_name):
    path = tmp_path / "evil.pickle"
    path.write_bytes(f"c{global_name.replace(' ', chr(10))}\n.".encode())
    with pytest.raises(UnsafePickleError, match="not allowed"):
        load_pickle(path)


@pytest.mark.parametrize(
    "content",
    [
        np.array([{"a": 1}, RunsCode], dtype=object),
        np.zeros(2, dtype=[("x", "f8")]),
        np.array(["text"]),
    ],
)
def test_refuses_arrays_of_anything_but_numbers(tmp_path, content):
    path = tmp_path / "objects.pickle"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(UnsafePickleError):
        load_pickle(path)


def test_refuses_an_array_whose_bytes_do_not_fit(tmp_path):
    path = tmp_path / "short.pickle"
    raw = pickle.dumps(np.arange(4.0), protocol=3).replace(b"K\x04\x85", b"K\x7f\x85")
    assert raw != pickle.dumps(np.arange(4.0), protocol=3)
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="short.pickle"):
        load_pickle(path)


def test_truncated_and_missing_files_are_named(tmp_path):
    path = tmp_path / "cut.pickle"
    whole = pickle.dumps({n: np.arange(50.0) for n in range(5)}, protocol=2)
    for length in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut.pickle is truncated or damaged"):
            load_pickle(path)
    with pytest.raises(FileNotFoundError, match="none.pickle"):
        load_pickle(tmp_path / "none.pickle")


def laughs(levels: int) -> bytes:
    """Ten numbers, ten of these, ten of those, ..., in 24 bytes a level."""
    data = b"\x80\x02]q\x00(" + b"K\x01" * 10 + b"e"
    for level in range(1, levels + 1):
        data += b"]q" + bytes([level]) + b"(" + (b"h" + bytes([level - 1])) * 10 + b"e"
    return data + b"."


def again(make: bytes, count: int) -> bytes:
    """A megabyte of text in the memo, then something made of it so many times."""
    text = b"X" + (2**20).to_bytes(4, "little") + b"x" * 2**20 + b"q\x00"
    return b"\x80\x02" + text + b"0c_codecs\nencode\nq\x01" + b"0" + make * count + b"N."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (laughs(12), "more than 10000000 values"),
        (b"\x80\x02]q\x00h\x00a.", "more than 32 levels"),
        (b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".", "more than 32 levels"),
        (b"\x80\x02]r\xff\xff\xff\x1f.", "memo 536870911"),
        (b"\x80\x02]p999999999\n.", "memo 999999999"),
        (b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.", "breaks off"),
        (b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"x.", "breaks off"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f\x00.", "breaks off"),
        (b"\x80\x04\x95" + (2**50).to_bytes(8, "little") + b"N.", "beyond the pickle's end"),
        (b"\x80\x02I" + b"9" * 4_000 + b"\n.", "a number of 4001 bytes"),
        (b"\x80\x02\x8a\xff" + b"9" * 255 + b".", "a number of 256 bytes"),
        (again(b"h\x01h\x00X\x06\x00\x00\x00latin1\x86R0", 1_000), "much more of its bytes"),
        (b"c_codecs\nencode\n.", "functions are not allowed"),
    ],
)
def test_small_files_that_ask_for_much(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "small.pickle"
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(ValueError, match=f"small.pickle.*{message}"):
        load_pickle(path)
    assert time.process_time() - start < at_most(10.0)


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.pickle"
    path.write_bytes(pickle.dumps(list(range(1_000))))
    with pytest.raises(ValueError, match="more than 100 bytes"):
        load_pickle(path, most=100)


def test_shared_values_are_read_once(tmp_path: Path) -> None:
    row = [1, 2]
    path = tmp_path / "shared.pickle"
    path.write_bytes(pickle.dumps({"a": row, "b": [row, row]}))
    assert load_pickle(path) == {"a": [1, 2], "b": [[1, 2], [1, 2]]}
