#!/usr/bin/env bash
# Run a command with ROS 2, the virtual environment and the built package at hand.
set -e
# shellcheck disable=SC1090,SC1091
source "/opt/ros/$ROS_DISTRO/setup.bash"
# shellcheck disable=SC1091
source /opt/hand_pose_25d/.venv/bin/activate
# shellcheck disable=SC1091
source /opt/hand_pose_25d/install/local_setup.bash
exec "$@"
