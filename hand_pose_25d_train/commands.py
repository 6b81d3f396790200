"""The workshop's subcommands of `hand-pose-25d`: name -> (module, a line of help, extra)."""

from __future__ import annotations

SUBCOMMANDS: dict[str, tuple[str, str, str]] = {
    name: (f"hand_pose_25d_train.{module}", text, extra)
    for name, module, text, extra in (
        ("evaluate", "evaluation.command", "repeat the figures of docs/accuracy.md", "train"),
        (
            "heatmaps",
            "evaluation.paper.heatmaps_command",
            "draw latent heatmaps and depth maps",
            "train",
        ),
        (
            "train",
            "training.command",
            "train a network: all stages of a recipe, or one training run",
            "train",
        ),
        ("label", "labelling.label_command", "pseudo-label photographs", "train"),
        ("mark", "labelling.mark_command", "mark keypoints of photographs by hand", "train"),
        ("sheet", "labelling.sheet_command", "draw labelled photographs on sheets", "train"),
        ("render", "render.command", "render labelled images and clips of hands", "render"),
        ("data", "datasets.command", "check the files of a public dataset", "train"),
    )
}
