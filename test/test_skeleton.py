"""The skeleton's tables agree with each other and with a hand measured by hand."""

import numpy as np
import pytest

from hand_pose_25d import skeleton


def test_tables_name_each_keypoint_once():
    assert len(skeleton.KEYPOINT_NAMES) == len(set(skeleton.KEYPOINT_NAMES)) == 21
    assert skeleton.KEYPOINT_COLORS.shape == (21, 3)
    fingers = [k for chain in skeleton.FINGERS.values() for k in chain]
    assert sorted([skeleton.WRIST, *fingers]) == list(range(21))


@pytest.mark.parametrize(
    ("index", "name", "parent"),
    [
        (0, "wrist", -1),
        (1, "thumb_cmc", 0),
        (4, "thumb_tip", 3),
        (5, "index_mcp", 0),
        (8, "index_tip", 7),
        (9, "middle_mcp", 0),
        (13, "ring_mcp", 0),
        (17, "little_mcp", 0),
        (20, "little_tip", 19),
    ],
)
def test_order_is_mediapipes(index, name, parent):
    assert skeleton.KEYPOINT_NAMES[index] == name
    assert skeleton.PARENTS[index] == parent


def test_bones_form_a_tree_from_the_wrist():
    for child in range(1, 21):
        seen = {child}
        k = child
        while k != skeleton.WRIST:
            k = skeleton.PARENTS[k]
            assert k not in seen
            seen.add(k)
    assert all(skeleton.BONES[k - 1] == (skeleton.PARENTS[k], k) for k in range(1, 21))
    assert skeleton.KEYPOINT_NAMES[skeleton.REFERENCE_BONE[1]] == "index_mcp"
    assert skeleton.FINGERTIPS == (4, 8, 12, 16, 20)


def test_bone_lengths_of_a_stair():
    points = np.zeros((2, 21, 3))
    points[:, :, 0] = 3.0 * np.arange(21)
    points[1] *= 2
    lengths = skeleton.bone_lengths(points)
    expected = [3.0 * (child - parent) for parent, child in skeleton.BONES]
    np.testing.assert_allclose(lengths, [expected, np.multiply(expected, 2)], atol=1e-12)
    np.testing.assert_allclose(skeleton.bone_vectors(points)[0, :, 0], expected, atol=1e-12)
