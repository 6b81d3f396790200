"""`view --web` in a real browser: the page opens, connects, and shows more than a blank."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from recordings_made import clip_camera, clip_images, write_bag

from hand_pose_25d.archive.finding import find_units
from hand_pose_25d.archive.process import Processor
from hand_pose_25d.archive.settings import ProcessSettings
from hand_pose_25d.skeleton import KEYPOINT_COLORS

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--use-gl=angle",
    "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1280,800",
    "--remote-allow-origins=*",
)  # fmt: skip
PATIENCE = 900.0  # seconds: a software renderer on a busy machine

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt install chromium"),
]


def free_ports() -> int:
    """Return a port that is free, as is the next one."""
    for _ in range(100):
        with socket.create_server(("", 0)) as first:
            port = first.getsockname()[1]
            try:
                with socket.create_server(("", port + 1)):
                    return port
            except OSError:
                continue
    raise AssertionError("no two free ports side by side")


@pytest.fixture
def page(tmp_path):
    """Serve a result, with its images; return the page's address."""
    bag = write_bag(tmp_path / "walk", clip_images(6, 40), clip_camera())
    settings = ProcessSettings(estimator=(("device", "cpu"),))
    assert Processor(settings, tmp_path)(find_units([bag])[0]).status == "done"
    command = [sys.executable, "-m", "hand_pose_25d.cli", "view", str(tmp_path / "walk.parquet")]
    command += ["--web", "--no-browser", "--port", str(free_ports())]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        told = ""
        while "all images are there" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        yield re.search(r"served at (\S+)", told)[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        process.stderr.close()


@pytest.fixture
def browser(tmp_path):
    """Start a browser; return the address of its debugger."""
    profile = tmp_path / "profile"
    command = [CHROMIUM, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while not (profile / "DevToolsActivePort").is_file():
            assert process.poll() is None and time.monotonic() < end, "chromium did not start"
            time.sleep(0.2)
        time.sleep(0.2)
        port = int((profile / "DevToolsActivePort").read_text().split()[0])
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def screenshot(debugger: str, address: str, good) -> np.ndarray:
    """Open a page; return the first screenshot, (H, W, 3) RGB, that is good."""
    from tornado.websocket import websocket_connect

    with urlopen(f"{debugger}/json/list") as answer:
        tab = next(t for t in json.load(answer) if t["type"] == "page")
    socket_ = await websocket_connect(tab["webSocketDebuggerUrl"], max_message_size=1 << 28)
    number = 0

    async def ask(method: str, **parameters) -> dict:
        nonlocal number
        number += 1
        await socket_.write_message(
            json.dumps({"id": number, "method": method, "params": parameters})
        )
        while True:
            message = json.loads(await socket_.read_message())
            if message.get("id") == number:
                return message.get("result", {})

    await ask("Page.navigate", url=address)
    end, picture = time.monotonic() + PATIENCE, np.zeros((1, 1, 3), np.uint8)
    while time.monotonic() < end:
        await asyncio.sleep(1.0)
        shot = await ask("Page.captureScreenshot", format="png")
        if "data" in shot:
            data = np.frombuffer(base64.b64decode(shot["data"]), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]
            if good(picture):
                break
    socket_.close()
    return picture


def has_hands(picture: np.ndarray) -> bool:
    """Whether some colours of the skeleton, and the clip's image, are in the picture."""
    seen = sum(
        bool((np.abs(picture.astype(int) - color).max(-1) <= 24).sum() > 20)
        for color in set(map(tuple, KEYPOINT_COLORS))
    )
    return seen >= 4 and picture.std() > 25


def test_the_page_opens_and_shows_hands(page, browser, tmp_path):
    # Mesa's renderer, by WebGL: Chromium's own has fewer colour attachments than the viewer wants.
    picture = asyncio.run(screenshot(browser, f"{page}&renderer=webgl", has_hands))
    cv2.imwrite(str(tmp_path / "view.png"), picture[:, :, ::-1])
    assert picture.shape[:2] == (800, 1280) or picture.shape[0] > 600
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 500, "the page is blank"
    assert has_hands(picture)


def test_a_port_that_is_taken_is_named(capsys):
    from hand_pose_25d import cli

    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.main(["view", "--web", "--no-browser", "--port", port]) == 2
    assert "in use" in capsys.readouterr().err
