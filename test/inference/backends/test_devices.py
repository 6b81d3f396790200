"""What a CPU is made for, by its flags."""

from __future__ import annotations

import pytest

from hand_pose_25d.inference.backends import devices


@pytest.mark.parametrize(
    ("flags", "bfloat16", "int8"),
    [
        ("sse4_2 avx", False, False),
        ("sse4_2 avx fma avx2", False, True),
        ("avx2 avx512f avx512_vnni", False, True),
        ("avx2 avx512f avx512_vnni avx512_bf16", True, True),
        ("fp asimd", False, False),
        ("", False, False),
    ],
)
def test_flags_say_which_precisions_are_fast(monkeypatch, flags, bfloat16, int8):
    monkeypatch.setattr(devices, "_cpu_flags", lambda: frozenset(flags.split()))
    assert (devices.cpu_has_bfloat16(), devices.cpu_has_int8()) == (bfloat16, int8)
