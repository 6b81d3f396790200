"""The readers of public datasets, on small files in their formats: values, and damaged files."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from hand_pose_25d.skeleton import FINGERTIPS
from hand_pose_25d_train.datasets import (
    dexter_object,
    ego_dexter,
    freihand,
    mpii_nzsl,
    rhp,
    shp,
    synthhands,
)
from hand_pose_25d_train.datasets.datasets import DATASETS, dataset_module, open_dataset
from hand_pose_25d_train.datasets.sample import Sample, project
from hand_pose_25d_train.datasets.standin import drawn_hands, placed, read_mark
from hand_pose_25d_train.datasets.standin_formats import (
    STANDIN_FORMATS,
    mirrored_hand,
    write_standin,
)

TIPS = list(FINGERTIPS)
LOSSY = ("mpii_nzsl", "mvbs", "freihand")  # JPEG
SPLITS = {"synthhands": "training", "mvbs": "training"}


@pytest.fixture(scope="module")
def standins(tmp_path_factory):
    """Return each dataset's folder and the samples written there, in the order of reading."""
    made = {}
    for name, (writer, target, is_right) in STANDIN_FORMATS.items():
        rng = np.random.default_rng(3)
        hands = []
        for index, hand in enumerate(drawn_hands(4, seed=5)):
            wanted = index % 2 == 0 if is_right is None else is_right
            hand = hand if wanted else mirrored_hand(hand)
            there = placed(hand, *target(hand), rng)
            assert there is not None
            hands.append(there)
        folder = tmp_path_factory.mktemp(name)
        writer(folder, hands, SPLITS.get(name, "evaluation"))
        if name in ("shp", "dexter_object"):  # dealt to two sequences
            hands = hands[::2] + hands[1::2]
        if name == "mvbs":  # those of the second release last
            hands = [h for h in hands if not h.sample.is_right] + [
                h for h in hands if h.sample.is_right
            ]
        made[name] = folder, [hand.sample for hand in hands]
    return made


@pytest.mark.parametrize("name", list(DATASETS))
def test_what_was_written_is_read(standins, name):
    folder, written = standins[name]
    dataset = open_dataset(name, folder, SPLITS.get(name, "evaluation"))
    assert len(dataset) == len(written)
    if name == "mvbs":  # both releases were written: two hands each, or two and none
        assert len(dataset.synth) >= 2
        by_place = {tuple(np.round(s.uv[0], 3)): s for s in written}
        written = [by_place[tuple(np.round(dataset[n].uv[0], 3))] for n in range(len(dataset))]
    rows = TIPS if name in ("dexter_object", "ego_dexter") else list(range(21))
    for index, truth in enumerate(written):
        sample = dataset[index]
        assert isinstance(sample, Sample)
        np.testing.assert_allclose(sample.uv[rows], truth.uv[rows], atol=2e-3)
        assert sample.is_right is truth.is_right
        assert sample.valid[rows].all() and sample.valid.sum() == len(rows)
        if name in ("mpii_nzsl", "mvbs"):
            assert not sample.has_3d and np.isnan(sample.K).all()
        else:
            np.testing.assert_allclose(sample.xyz[rows], truth.xyz[rows], atol=2e-6)
            np.testing.assert_allclose(sample.K, truth.K)
            # What every consumer relies on: K and xyz explain uv.
            np.testing.assert_allclose(
                project(sample.xyz[rows], sample.K), sample.uv[rows], atol=1e-2
            )
        if name != "synthhands":
            difference = np.abs(sample.image.astype(int) - truth.image.astype(int))
            assert difference.mean() < (4.0 if name in LOSSY else 1e-9)


def test_every_dataset_has_a_standin_and_an_inventory(standins):
    assert set(STANDIN_FORMATS) == set(DATASETS)
    for name, (folder, written) in standins.items():
        parts = dataset_module(name).inventory(folder)
        assert max(part.found for part in parts) >= len(written) / 2, name
        empty = dataset_module(name).inventory(folder.parent)
        assert all(part.found == 0 for part in empty) or name == "synthhands", name


def test_rhp_order_units_and_hand_by_hand(tmp_path):
    uv_vis = np.zeros((42, 3))
    uv_vis[:, 0] = np.arange(42)
    uv_vis[:, 1] = 100
    uv_vis[[0, 5, 29], 2] = 1
    xyz = np.column_stack([np.arange(42) / 1000, np.zeros(42), np.full(42, 0.5)])
    K = np.array([[280.0, 0, 160], [0, 281, 161], [0, 0, 1]])
    (tmp_path / "evaluation/color").mkdir(parents=True)
    (tmp_path / "evaluation/mask").mkdir()
    cv2.imwrite(str(tmp_path / "evaluation/color/00007.png"), np.full((320, 320, 3), (1, 2, 3)))
    mask = np.zeros((320, 320), np.uint8)
    mask[:10, :10], mask[20:30, :10] = 17, 18  # 100 pixels each: the right hand wins a draw
    path = tmp_path / "evaluation/mask/00007.png"
    cv2.imwrite(str(path), mask)
    with (tmp_path / "evaluation/anno_evaluation.pickle").open("wb") as file:
        pickle.dump({7: {"uv_vis": uv_vis, "xyz": xyz, "K": K}}, file, protocol=2)
    sample = rhp.RHP(tmp_path)[0]
    assert sample.is_right and sample.image[0, 0].tolist() == [3, 2, 1]
    # wrist 0; thumb tip is 1 and its base 4; index tip 5, base 8; little tip 17, base 20
    assert sample.uv[[0, 1, 4, 5, 8, 17, 20], 0].tolist() == [21, 25, 22, 29, 26, 41, 38]
    assert sample.xyz[8].tolist() == pytest.approx([0.026, 0, 0.5])
    assert sample.visibility.tolist() == [float(k == 5) for k in range(21)]  # 29 = 21 + 8
    mask[40, 0] = 2  # one pixel more: the left hand
    cv2.imwrite(str(path), mask)
    sample = rhp.RHP(tmp_path)[0]
    assert not sample.is_right
    assert sample.uv[[0, 1, 4, 5, 8], 0].tolist() == [0, 4, 1, 8, 5]
    assert sample.visibility[[0, 8]].tolist() == [1, 1] and sample.visibility.sum() == 2


def test_shp_order_units_and_wrist_by_hand(tmp_path):
    para = np.zeros((3, 21, 2))
    para[0] = np.arange(21)[:, None]  # x = SHP's index, mm
    para[2] = 500.0
    (tmp_path / "labels").mkdir()
    savemat(tmp_path / "labels/B1Counting_BB.mat", {"handPara": para})
    image = tmp_path / "images/B1Counting/BB_left_1.png"
    image.parent.mkdir(parents=True)
    cv2.imwrite(str(image), np.zeros((480, 640, 3), np.uint8))
    data = shp.SHP(tmp_path)
    assert len(data) == 2
    sample = data[1]
    # SHP: 0 palm, 1-4 little, 5-8 ring, 9-12 middle, 13-16 index, 17-20 thumb, base to tip.
    x_mm = sample.xyz[:, 0] * 1000
    assert x_mm[[1, 4, 5, 8, 13, 17, 20]].tolist() == pytest.approx([17, 20, 13, 16, 5, 1, 4])
    assert x_mm[0] == pytest.approx(2 * 0 - 5)  # ring MCP + 2 (palm - ring MCP)
    assert sample.uv[1, 0] == pytest.approx(822.79041 * 17 / 500 + 318.47345)
    with pytest.raises(FileNotFoundError, match="BB_left_0.png"):
        data[0]


def test_shp_cameras_by_hand():
    point = np.array([[0.01, 0.02, 0.6]])
    np.testing.assert_allclose(shp.to_camera(point, "BB_right"), [[0.01 - 0.120054, 0.02, 0.6]])
    color = shp.to_camera(point, "SK_color")[0]
    # R is close to the identity: to first order X - t - w x (X - t).
    moved = point[0] - np.array([-0.0240381, -0.0004563, -0.0012326])
    turned = moved - np.cross([0.00531, -0.01196, 0.00301], moved)
    np.testing.assert_allclose(color, turned, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(color), np.linalg.norm(moved), rtol=1e-12)


def test_dexter_object_by_hand(tmp_path):
    (tmp_path / "annotations").mkdir()
    # Thumb to little, then a corner of the object; the ring finger is invalid.
    line = "-100,-50,500;0,0,600;10,0,600;0,0,32001;0,0,700;1,2,3"
    (tmp_path / "annotations/Grasp13D.txt").write_text(line + "\n0,0,32001;;\n")
    image = dexter_object.image_path(tmp_path, "Grasp1", 1)
    image.parent.mkdir(parents=True)
    cv2.imwrite(str(image), np.zeros((480, 640, 3), np.uint8))
    data = dexter_object.DexterObject(tmp_path)
    assert len(data) == 1  # the second frame has no valid tip
    sample = data[0]
    assert np.flatnonzero(sample.valid).tolist() == [4, 8, 12, 20]
    assert sample.is_right is False
    # index tip (0, 0, 600) mm: R's third column times 0.6 m plus t
    index_tip = [0.0161 * 0.6 + 0.0190473, -0.0079 * 0.6 - 0.0018514, 0.9998 * 0.6 - 0.0047501]
    np.testing.assert_allclose(sample.xyz[8], index_tip)
    # thumb: the signs of x and y are turned, so it lies at +0.1, +0.05
    np.testing.assert_allclose(
        sample.xyz[4, 0], 0.9999 * 0.1 + 0.0034 * 0.05 + 0.0161 * 0.5 + 0.0190473
    )


def test_dexter_object_inventory_measures_the_sign(standins):
    folder, _ = standins["dexter_object"]
    notes = {p.name: p.found for p in dexter_object.inventory(folder) if "sign" in p.name}
    used = next(value for name, value in notes.items() if "in use" in name)
    other = next(value for name, value in notes.items() if "in use" not in name)
    assert used == 0 and other > 5


def test_ego_dexter_by_hand(tmp_path):
    root = tmp_path / "data/Desk"
    (root / "color_on_depth").mkdir(parents=True)
    (root / "annotation.txt").write_text("10,20;-1,-1;30,40;-1,-1;50,60;\n-1,-1;-1,-1;\n")
    (root / "annotation.txt_3D.txt").write_text(
        "100, 0, 500; 0, 0, 0; 0, 0, 400; 0, 0, 0; 0, 0, 300; \n0, 0, 0; 0, 0, 0; \n"
    )
    image = root / "color_on_depth/image_00000_color_on_depth.png"
    cv2.imwrite(str(image), np.zeros((480, 640, 3), np.uint8))
    data = ego_dexter.EgoDexter(tmp_path, view="color_on_depth")
    assert len(data) == 1
    sample = data[0]
    assert np.flatnonzero(sample.valid).tolist() == [4, 12, 20]
    assert sample.xyz[4].tolist() == [0.1, 0, 0.5]
    assert sample.uv[12].tolist() == [30, 40]
    with pytest.raises(FileNotFoundError, match="image_00000_color.png"):
        ego_dexter.EgoDexter(tmp_path)[0]
    with pytest.raises(ValueError, match="color, color_on_depth"):
        ego_dexter.EgoDexter(tmp_path, view="depth")


def test_synthhands_background_is_put_in(standins, tmp_path):
    folder, written = standins["synthhands"]
    photo = np.full((90, 120, 3), (200, 40, 10), np.uint8)  # BGR: a blue photograph
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    data = synthhands.SynthHands(folder, backgrounds=tmp_path)
    sample, truth = data[0], written[0]
    u, v = np.round(truth.uv[18]).astype(int)  # on the little finger, which is drawn in purple
    keyed = truth.image[v, u].copy()
    keyed[1] = min(keyed[1], max(keyed[0], keyed[2]))
    assert sample.image[v, u].tolist() == keyed.tolist()
    assert sample.image[2, 2].tolist() == [10, 40, 200]
    np.testing.assert_array_equal(sample.image, data[0].image)  # the same background every time
    noisy = synthhands.SynthHands(folder)[0].image
    assert synthhands.screen_mask(noisy)[:40, :40].mean() < 200
    assert (noisy[2, 2] != (0, 255, 0)).any()
    with pytest.raises(FileNotFoundError, match="no photographs"):
        (tmp_path / "empty").mkdir()
        synthhands.SynthHands(folder, backgrounds=tmp_path / "empty")


def test_replace_background_mixes_edges_by_hand():
    image = np.array([[[0, 255, 0], [100, 80, 60], [100, 130, 60]]], np.uint8)
    background = np.full((1, 3, 3), 10, np.uint8)
    # green excess: 255, none, 30 of KEY_MARGIN 60: all, nothing, half background
    assert synthhands.replace_background(image, background).tolist() == [
        [[10, 10, 10], [100, 80, 60], [55, 55, 35]]
    ]


def test_mpii_box_head_and_validity_by_hand(tmp_path):
    root = tmp_path / "hand_labels/manual_test"
    root.mkdir(parents=True)
    points = [[k, 2 * k, 1] for k in range(21)]
    points[3] = [0, 0, 0]
    entry = {"hand_pts": points, "hand_box_center": [100, 80], "head_size": 50.0, "is_left": 1}
    (root / "a.json").write_text(json.dumps(entry))
    cv2.imwrite(str(root / "a.jpg"), np.zeros((200, 300, 3), np.uint8))
    sample = mpii_nzsl.MPIINZSL(tmp_path)[0]
    assert sample.uv[5].tolist() == [5, 10] and np.isnan(sample.uv[3]).all()
    assert not sample.valid[3] and sample.valid.sum() == 20
    assert sample.is_right is False and sample.head_size == 50
    assert sample.box == pytest.approx((100 - 17.5, 80 - 17.5, 35, 35))  # 0.7 heads
    assert np.isfinite(sample.camera.K).all() and np.isnan(sample.K).all()


def test_freihand_versions_by_hand(tmp_path):
    K = [[[480.0, 0, 112], [0, 480, 112], [0, 0, 1]]] * 2
    xyz = [[[0.01 * k, 0.0, 0.7 + n] for k in range(21)] for n in range(2)]
    (tmp_path / "training_K.json").write_text(json.dumps(K))
    (tmp_path / "training_xyz.json").write_text(json.dumps(xyz))
    (tmp_path / "training/rgb").mkdir(parents=True)
    for index in range(4):
        image = np.full((224, 224, 3), index * 10, np.uint8)
        cv2.imwrite(str(tmp_path / f"training/rgb/{index:08d}.jpg"), image)
    data = freihand.FreiHAND(tmp_path, "training")
    assert len(data) == 4  # two poses, two of the four versions are there
    assert data[3].xyz[0, 2] == 1.7 and data[3].image[0, 0, 0] == 30 and data[2].xyz[0, 2] == 0.7
    assert data[0].uv[1].tolist() == pytest.approx([480 * 0.01 / 0.7 + 112, 112])


def damage_pickle(folder):
    path = folder / "evaluation/anno_evaluation.pickle"
    path.write_bytes(path.read_bytes()[:-100])


def damage_rhp_shape(folder):
    path = folder / "evaluation/anno_evaluation.pickle"
    content = pickle.loads(path.read_bytes())
    content[0]["xyz"] = content[0]["xyz"][:21]
    path.write_bytes(pickle.dumps(content, protocol=2))


def damage_rhp_key(folder):
    path = folder / "evaluation/anno_evaluation.pickle"
    content = pickle.loads(path.read_bytes())
    del content[0]["K"]
    path.write_bytes(pickle.dumps(content, protocol=2))


def write(name, text):
    def damage(folder):
        (folder / name).write_text(text)

    return damage


def remove(name):
    def damage(folder):
        (folder / name).unlink()

    return damage


def savemat_bad(folder):
    savemat(folder / "labels/B1Counting_BB.mat", {"handPara": np.zeros((21, 3, 5))})


@pytest.mark.parametrize(
    ("name", "damage", "error", "match"),
    [
        ("rhp", damage_pickle, ValueError, r"anno_evaluation.pickle is truncated"),
        ("rhp", damage_rhp_shape, ValueError, r"0: 'xyz' has the shape \(21, 3\), not 42x3"),
        ("rhp", damage_rhp_key, ValueError, r"sample 0 has no 'K'"),
        ("rhp", remove("evaluation/mask/00000.png"), FileNotFoundError, r"mask/00000.png"),
        ("rhp", write("evaluation/color/00000.png", "no"), ValueError, r"00000.png is not an"),
        ("shp", savemat_bad, ValueError, r"'handPara' has the shape \(21, 3, 5\), not 3x21xany"),
        ("shp", write("labels/B1Counting_BB.mat", "no"), ValueError, r"BB.mat is not a readable"),
        ("dexter_object", write("annotations/Grasp13D.txt", "1,2,3;1,x"), ValueError, r"line 1"),
        ("dexter_object", remove("data/Grasp1/color/Color_0001.bmp"), FileNotFoundError, "_0001"),
        ("ego_dexter", write("data/Desk/annotation.txt", "1,2;\n"), ValueError, "1 lines of 2D"),
        ("ego_dexter", remove("data/Desk/annotation.txt_3D.txt"), FileNotFoundError, "_3D.txt"),
        (
            "synthhands",
            write("male_noobject/seq01/cam01/01/00000000_joint_pos.txt", "1,2,3"),
            ValueError,
            r"joint_pos.txt has the shape \(3,\), not 63",
        ),
        (
            "mpii_nzsl",
            write("hand_labels/manual_test/standin_00000.json", '{"hand_pts": ['),
            ValueError,
            "is no JSON",
        ),
        (
            "mpii_nzsl",
            write("hand_labels/manual_test/standin_00000.json", '{"hand_pts": [[1, 2]]}'),
            ValueError,
            r"'hand_pts' has the shape \(1, 2\), not 21x3",
        ),
        (
            "mpii_nzsl",
            write("hand_labels/manual_test/standin_00000.json", "{}"),
            ValueError,
            "has no 'hand_pts'",
        ),
        ("mvbs", write("hand143_panopticdb/hands_v143_14817.json", "[]"), ValueError, "no list"),
        ("freihand", write("evaluation_K.json", "[[1]]"), ValueError, "evaluation_K.json has the"),
        ("freihand", remove("evaluation_xyz.json"), FileNotFoundError, "evaluation_xyz.json"),
        ("freihand", remove("evaluation/rgb/00000000.jpg"), FileNotFoundError, "00000000.jpg"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, damage, error, match):
    folder = tmp_path / "data"
    split = SPLITS.get(name, "evaluation")
    write_standin(name, folder, drawn_hands(2, seed=1), 2, split, "drawn for a test")
    damage(folder)
    with pytest.raises(error, match=match):
        open_dataset(name, folder, split)[0]


@pytest.mark.parametrize("name", list(DATASETS))
def test_absent_data_and_wrong_splits_are_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "none")):
        open_dataset(name, tmp_path / "none")
    with pytest.raises(ValueError, match="'validation'"):
        open_dataset(name, tmp_path, "validation")


def test_unknown_dataset_lists_the_known():
    with pytest.raises(ValueError, match="coco.*rhp, shp"):
        open_dataset("coco", ".")


def test_standins_do_not_overwrite_data(tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(FileExistsError, match="not empty"):
        write_standin("rhp", tmp_path, drawn_hands(1), 1, "evaluation", "drawn")
    assert write_standin("rhp", tmp_path / "new", drawn_hands(1), 1, "evaluation", "drawn") == 1
    assert read_mark(tmp_path / "new") == {"dataset": "rhp", "source": "drawn", "samples": 1}
    assert read_mark(tmp_path) is None


def test_placing_moves_image_and_labels_together():
    hand = next(iter(drawn_hands(1, seed=2)))
    s = hand.sample
    s.image[:] = 0
    for u, v in s.uv[[0, 8, 20]]:
        cv2.circle(s.image, (round(u), round(v)), 2, (255, 255, 255), -1)
    K = dexter_object.K_COLOR
    there = placed(hand, K, (640, 480), np.random.default_rng(0))
    assert there is not None
    np.testing.assert_allclose(project(there.sample.xyz, K), there.sample.uv, atol=1e-9)
    np.testing.assert_allclose(  # turned about the camera: all distances stay
        np.linalg.norm(there.sample.xyz, axis=-1), np.linalg.norm(s.xyz, axis=-1)
    )
    bright = there.sample.image[..., 0] > 80
    rows, columns = np.nonzero(bright)
    for u, v in there.sample.uv[[0, 8, 20]]:
        assert np.hypot(columns - u, rows - v).min() < 2.0
