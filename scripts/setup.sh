#!/usr/bin/env bash
# Make everything ready to run: Python packages into .venv, then messages and package with colcon.
#
#   scripts/setup.sh          what the node and the demo need; ONNX Runtime runs the networks, on a CPU
#   scripts/setup.sh --torch  torch too, which runs them on a GPU
#   scripts/setup.sh --dev    what tests, training, rendering and documents need, torch included
#
# Where ROS_DISTRO is set (a sourced /opt/ros/<distro>/setup.bash), that ROS 2 is used and .venv only
# adds what it lacks; elsewhere ROS 2 itself comes from wheels.  Run it again whenever you like: it
# does what is missing, which takes seconds.
#
# Environment (all optional):
#   HAND_POSE_PYTHON        the Python to use; default: the first of python3, python3.12, 3.11, 3.10 that fits
#   HAND_POSE_TORCH_INDEX   for --torch and --dev: a package index for torch alone, such as one with
#                           builds for the CPU; the default index has the CUDA build (gigabytes)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=$root/.venv
lock=$root/requirements/lock.txt

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }
say() { printf '== %s\n' "$1"; }
have() { command -v "$1" >/dev/null 2>&1; }
digest() { sha256sum | cut -d ' ' -f 1; }

level=node
for argument in "$@"; do
  case $argument in
    --torch) [ "$level" = dev ] || level=torch ;;
    --dev) level=dev ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) fail "unknown argument '$argument'; allowed: --torch, --dev, --help" ;;
  esac
done
ros_distro=${ROS_DISTRO:-}
sections=(common library bags)
[ -n "$ros_distro" ] || sections+=(base ros build)
case $level in
  torch) sections+=(torch-requirements) ;;
  dev) sections+=(torch-requirements dev docs) ;;
esac
# A Python of another environment may have left this behind; it would keep ours from finding ROS.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONHOME

# ---- what the machine has to bring -------------------------------------------------------------
[ "$(uname -s)" = Linux ] || fail "this needs Linux; on other systems run it in a container or a virtual machine."
if [ -z "$ros_distro" ] && [ "$(uname -m)" != x86_64 ]; then
  fail "there are no ROS 2 wheels for $(uname -m); install ROS 2 (Humble, Jazzy or later), source its setup.bash and run this again."
fi
if ! { have c++ || have g++ || have clang++; } || ! { have cc || have gcc || have clang; }; then
  fail "no C/C++ compiler found, which the messages need; on Debian and Ubuntu: sudo apt install build-essential"
fi

fits() { # a Python for which there are wheels of everything pinned
  "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}
find_python() {
  local candidate
  if [ -n "${HAND_POSE_PYTHON:-}" ]; then
    fits "$HAND_POSE_PYTHON" || fail "HAND_POSE_PYTHON=$HAND_POSE_PYTHON is not a Python 3.10, 3.11 or 3.12."
    echo "$HAND_POSE_PYTHON"
    return
  fi
  for candidate in python3 python3.12 python3.11 python3.10; do
    if fits "$candidate"; then echo "$candidate"; return; fi
  done
  fail "no Python 3.10, 3.11 or 3.12 found; install one, or name one in HAND_POSE_PYTHON."
}

# ---- .venv ---------------------------------------------------------------------------------------
make_venv() {
  local python version options=()
  python=$(find_python)
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "this Python cannot make virtual environments; on Debian and Ubuntu: sudo apt install python$version-venv"
  "$python" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_paths()["include"], "Python.h").exists())' ||
    fail "Python.h is missing, which the messages need; on Debian and Ubuntu: sudo apt install python$version-dev"
  [ -z "$ros_distro" ] || options=(--system-site-packages)
  say "making .venv with Python $version"
  "$python" -m venv "${options[@]}" "$venv"
}

section() { # the lines of one section of the lock file
  awk -v name="[$1]" '/^# \[/ { inside = ($2 == name) } inside && !/^#/ && NF' "$lock"
}
pip_install() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input install -qq "$@"; }

# The wheels' CMake files name the Python of the machine on which they were built.
mend_cmake_paths() {
  local include numpy
  include=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
  numpy=$("$venv/bin/python" -c 'import numpy; print(numpy.get_include())')
  { grep -rlE '/opt/python/cp[0-9]+-cp[0-9]+' "$venv/share" --include='*.cmake' || true; } | xargs -r sed -i -E \
    -e "s#/opt/python/cp[0-9]+-cp[0-9]+/include/python3\.[0-9]+#$include#g" \
    -e "s#/opt/python/cp[0-9]+-cp[0-9]+/lib/python3\.[0-9]+/site-packages/numpy/_core/include#$numpy#g"
}

install_packages() {
  local name
  for name in "${sections[@]}"; do section "$name"; done >"$venv/requirements.txt"
  if [ "$level" != node ] && ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    # What it requires comes first, as pinned; the rest after, since pip complains of its gaps here.
    { section common; section library; section torch-requirements; } >"$venv/torch-requirements.txt"
    say "installing $(section torch)"
    pip_install --no-deps -r "$venv/torch-requirements.txt"
    pip_install ${HAND_POSE_TORCH_INDEX:+--index-url "$HAND_POSE_TORCH_INDEX"} "$(section torch)"
  fi
  say "installing $(wc -l <"$venv/requirements.txt") pinned packages"
  pip_install --no-deps -r "$venv/requirements.txt"
  if [ -z "$ros_distro" ]; then mend_cmake_paths; else check_installation; fi
  say "installing the command hand-pose-25d"
  pip_install --no-deps --no-build-isolation --editable "$root"
}

check_installation() { # a ROS 2 from apt: name what is missing as apt knows it
  local missing=() pair
  for pair in rclpy:ros-"$ros_distro"-rclpy lifecycle_msgs:ros-"$ros_distro"-lifecycle-msgs \
    sensor_msgs:ros-"$ros_distro"-sensor-msgs cv_bridge:ros-"$ros_distro"-cv-bridge visualization_msgs:ros-"$ros_distro"-visualization-msgs \
    diagnostic_msgs:ros-"$ros_distro"-diagnostic-msgs std_srvs:ros-"$ros_distro"-std-srvs \
    cv2:python3-opencv yaml:python3-yaml; do
    "$venv/bin/python" -c "import ${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair#*:}")
  done
  have colcon || missing+=(python3-colcon-common-extensions)
  have cmake || missing+=(cmake)
  [ ${#missing[@]} -eq 0 ] || fail "ROS 2 $ros_distro lacks parts; try: sudo apt install ${missing[*]}"
}

# What is installed: a level, and a digest of what it was made from.  A level has those before it.
packages_wanted=$({ cat "$lock"; sed '/^\[tool\.ruff\]/,$d' pyproject.toml; echo "$root $ros_distro"; } | digest)
packages_fit() {
  local installed made_from
  read -r installed made_from 2>/dev/null <"$venv/.packages" || return 1
  [ "$made_from" = "$packages_wanted" ] || return 1
  case $level in
    node) true ;;
    torch) [ "$installed" != node ] ;;
    dev) [ "$installed" = dev ] ;;
  esac
}
if [ ! -x "$venv/bin/python" ] || ! fits "$venv/bin/python"; then
  rm -rf "$venv"
  make_venv
fi
if ! packages_fit; then
  install_packages
  echo "$level $packages_wanted" >"$venv/.packages"
fi

# ---- messages and package ------------------------------------------------------------------------
# Files are linked, not copied: an edited one is live at once, and only new names need another build.
build_wanted=$({
  cat package.xml CMakeLists.txt msg/*
  find hand_pose_25d launch config examples -type f ! -name '*.pyc' | LC_ALL=C sort
  echo "$root $ros_distro"
  "$venv/bin/python" --version
} | digest)
build() {
  local arguments=(-DPython3_EXECUTABLE="$venv/bin/python" -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Release)
  if [ -z "$ros_distro" ]; then
    export PATH=$venv/bin:$PATH CMAKE_PREFIX_PATH=$venv AMENT_PREFIX_PATH=$venv
    arguments+=(-GNinja)
  fi
  find install -xtype l -delete 2>/dev/null || true # links to files that are gone
  say "building messages and package"
  mkdir -p build
  if ! colcon --log-base log build --merge-install --symlink-install --base-paths "$root" \
    --packages-select hand_pose_25d --cmake-args "${arguments[@]}" >build/setup.log 2>&1; then
    tail -n 40 build/setup.log >&2
    fail "the build failed; the whole of it is in build/setup.log"
  fi
  # A link to another file's bytecode would be followed when that file changes.
  find install/lib -type d -name __pycache__ -prune -exec rm -rf {} +
  echo "$build_wanted" >install/.built
}
if [ "$(cat install/.built 2>/dev/null)" != "$build_wanted" ]; then
  # A build of another place or another ROS cannot be continued.
  if [ -f build/.place ] && [ "$(cat build/.place)" != "$root $ros_distro" ]; then rm -rf build install; fi
  mkdir -p build && echo "$root $ros_distro" >build/.place
  build
fi

say "ready: scripts/demo.sh shows it; to work with it: source .venv/bin/activate && source install/local_setup.bash"
