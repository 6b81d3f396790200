"""io/recordings.py: the definitions of our messages, without ROS."""

from __future__ import annotations

import pytest

pytest.importorskip("rosbags", reason="rosbags (extra [ros]) is not installed")

from hand_pose_25d.io import recordings


def test_the_messages_are_known_to_rosbags():
    store = recordings.typestore()
    fields = store.fielddefs["hand_pose_25d/msg/HandPoseArray"][1]
    assert [name for name, _ in fields][0] == "header"


def test_an_installation_has_the_definitions_in_its_share(tmp_path, monkeypatch):
    installed = tmp_path / "lib/python3/site-packages/hand_pose_25d/io/recordings.py"
    monkeypatch.setattr(recordings, "__file__", str(installed))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'other'}:{tmp_path}")
    with pytest.raises(FileNotFoundError, match="HandPose.msg is neither"):
        recordings.typestore()
    folder = tmp_path / "share/hand_pose_25d/msg"
    folder.mkdir(parents=True)
    (folder / "HandPose.msg").write_text("float32 score\n")
    (folder / "HandPoseArray.msg").write_text("HandPose[] hands\n")
    definitions = recordings.typestore().fielddefs
    assert [name for name, _ in definitions["hand_pose_25d/msg/HandPose"][1]] == ["score"]
