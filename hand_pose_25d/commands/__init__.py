"""The library's own subcommands of `hand-pose-25d`; hand_pose_25d.cli lists them."""
