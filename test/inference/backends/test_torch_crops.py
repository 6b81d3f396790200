"""Crops drawn in torch are those of OpenCV; CUDA graphs give what the network gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import make_network, noise

from hand_pose_25d.frame import Frame
from hand_pose_25d.geometry.camera import Camera
from hand_pose_25d.geometry.roi import Region
from hand_pose_25d.geometry.virtual_camera import VirtualCamera
from hand_pose_25d.inference.backends.base import KINDS
from hand_pose_25d.inference.backends.cuda_graphs import BATCHES, packed, unpacked
from hand_pose_25d.inference.backends.torch_crops import UploadedImage, sample_crops
from hand_pose_25d.inference.load import load_backend
from hand_pose_25d.inference.pose_network import PoseNetwork

PLAIN = Camera(300.0, 300.0, 159.5, 119.5, 320, 240)
LENS = Camera(250.0, 250.0, 159.5, 119.5, 320, 240, (-0.2, 0.05, 1e-3, -5e-4, 0.0))
SIZE = 64


def smooth_image() -> np.ndarray:
    """An image without structure below some pixels: its phase in blocks hardly matters."""
    rng = np.random.default_rng(1)
    small = torch.from_numpy(rng.uniform(0, 255, (1, 3, 15, 20))).float()
    large = torch.nn.functional.interpolate(small, (240, 320), mode="bicubic")
    return large.clamp(0, 255)[0].permute(1, 2, 0).round().byte().numpy()


@pytest.mark.parametrize("camera", [PLAIN, LENS], ids=["pinhole", "distorted"])
@pytest.mark.parametrize("size", [40.0, 64.0, 90.0, 150.0, 200.0])  # of the region, px
@pytest.mark.parametrize("mirror", [False, True])
def test_crops_are_opencvs(camera, size, mirror):
    frame = Frame(smooth_image(), camera)
    region = Region((130.0, 110.0), size, 0.4)
    virtual = VirtualCamera.from_region(camera, region, SIZE, mirror)
    (crop,) = sample_crops(UploadedImage(torch.device("cpu")).of(frame), [virtual]).numpy()
    difference = np.abs(crop.astype(int) - virtual.sample(frame.image))
    # Within the image; how blocks lie at its border differs.
    assert crop.shape == (SIZE, SIZE, 3)
    assert np.quantile(difference, 0.9) <= 3
    assert difference.mean() < 1.5


def test_an_image_is_sent_once_for_a_frame():
    uploaded = UploadedImage(torch.device("cpu"))
    first, second = (Frame(smooth_image(), PLAIN) for _ in range(2))
    assert uploaded.of(first) is uploaded.of(first)
    assert uploaded.of(second) is not uploaded.of(first)


def test_crops_drawn_by_the_backend_give_the_same_prediction():
    """As on a GPU, with the CPU in its place."""
    backend = load_backend(make_network(), "pose network", "cpu", "torch")
    network = PoseNetwork(backend)
    frame = Frame(smooth_image(), PLAIN)
    cameras = [
        VirtualCamera.from_region(PLAIN, Region((x, 110.0), 60.0, 0.1), network.input_size)
        for x in (90.0, 160.0, 230.0)
    ]
    expected = network.of_frame(frame, cameras)

    class Drawing(type(backend)):
        largest_crops = 2  # three crops are two passes

    backend.__class__ = Drawing
    found = network.of_frame(frame, cameras)
    assert len(found) == 3
    np.testing.assert_allclose(found.uv, expected.uv, atol=0.3)
    np.testing.assert_allclose(found.presence, expected.presence, atol=0.02)


def test_outputs_are_packed_and_unpacked():
    outputs = (torch.rand(3, 21, 2), torch.rand(3), torch.rand(3, 4, 4).half())
    flat, shapes = packed(outputs)
    assert flat.shape == (3, 42 + 1 + 16) and flat.dtype == torch.float32
    for made, output in zip(unpacked(flat.numpy(), shapes), outputs, strict=True):
        np.testing.assert_array_equal(made, output.float().numpy())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_graphs_give_what_the_network_gives(kind):
    shape = (64, 64) if kind == "pose network" else (64, 96)
    on_cpu = load_backend(make_network(kind), kind, "cpu", "torch")
    on_gpu = load_backend(make_network(kind), kind, "cuda", "torch", "float32")
    for count in (1, 3, BATCHES[-1], BATCHES[-1] + 1):
        expected, found = on_cpu(noise(count, *shape)), on_gpu(noise(count, *shape))
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-2, atol=1e-2, err_msg=name)
    assert on_gpu.largest_crops == BATCHES[-1]  # no graph has failed
