"""Rendered hands with exact labels: body model, pose sampler, shading, compositing, shards.

Start at `command.py` (the command line) and `crops.py`, `scenes.py`, `clips.py` (the three modes).
"""
