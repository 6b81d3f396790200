# The node on ROS 2 from apt.  Build: docker build -t hand_pose_25d .
# Run: docker run --rm --net=host --ipc=host hand_pose_25d
#   with topics: ... hand_pose_25d ros2 run hand_pose_25d hand_pose --ros-args -r image:=/camera/image_raw
# On a GPU: --build-arg SETUP=--torch, and docker run --gpus all.
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /opt/hand_pose_25d
COPY package.xml .
# What package.xml names (RViz, which needs a screen, aside), and what scripts/setup.sh needs.
# hadolint ignore=DL3008
RUN apt-get update \
  && rosdep update --rosdistro "$ROS_DISTRO" \
  && rosdep install --from-paths . --ignore-src --rosdistro "$ROS_DISTRO" -y --skip-keys rviz2 \
  && apt-get install -y --no-install-recommends build-essential python3-dev python3-venv \
  && rm -rf /var/lib/apt/lists/*

FROM base
ARG SETUP=""
ARG HAND_POSE_TORCH_INDEX=""
COPY . .
# SETUP holds options of scripts/setup.sh, parted by spaces.
# hadolint ignore=SC1091,SC2086,SC3046
RUN source "/opt/ros/$ROS_DISTRO/setup.bash" \
  && PIP_NO_CACHE_DIR=1 scripts/setup.sh $SETUP \
  && rm -rf log
ENTRYPOINT ["/opt/hand_pose_25d/docker/entrypoint.sh"]
CMD ["ros2", "run", "hand_pose_25d", "hand_pose"]
