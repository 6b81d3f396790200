"""YAML files of keys and values."""

from pathlib import Path

import pytest

from hand_pose_25d.io.yaml import read_yaml, write_yaml


def test_what_is_written_is_read(tmp_path: Path) -> None:
    data = {"name": "Zoë", "mean": [0.1, -2.5e-3], "matrix": [[1.0, 0.5], [0.5, 1.0]], "none": {}}
    path = tmp_path / "a" / "folder" / "file.yaml"
    write_yaml(path, data)
    assert read_yaml(path) == data
    assert list(read_yaml(path)) == list(data)  # in the order given
    assert "mean: [0.1, -0.0025]" in path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2", "not a YAML file"),
        (b"\xff\xfe\x00", "not a YAML file"),
        (b"a: !!python/object/apply:os.getcwd []", "not a YAML file"),
        (b"- 1\n- 2\n", "expected keys and values, got list"),
        (b"", "expected keys and values, got NoneType"),
    ],
)
def test_what_is_no_such_file_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        read_yaml(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "none.yaml")
