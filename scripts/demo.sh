#!/usr/bin/env bash
# Show it: hands in a video, computed by the node over ROS 2 topics, as pictures in demo_out/.
#
#   scripts/demo.sh                    the bundled clip, whose ground truth is known
#   scripts/demo.sh VIDEO              a video file
#   scripts/demo.sh FOLDER             a folder of images, each on its own
#   scripts/demo.sh NUMBER             a webcam, until Ctrl-C
#   scripts/demo.sh ... --camera FILE  its calibration (YAML as camera_calibration writes it)
#   scripts/demo.sh ... --output DIR   another folder than demo_out
#   scripts/demo.sh ... -p NAME:=VALUE a parameter of the node, e.g. -p max_hands:=4
#
# Three processes talk over DDS, on this machine only: a source of images and CameraInfo, the node
# hand_pose, a recorder.  Files go in lockstep: the next image follows the hands of the last, so that
# every image is worked on however slow the machine is.  A webcam's images come when they come, and
# the node drops what it has no time for.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() { printf 'demo: %s\n' "$1" >&2; exit 1; }
input='' camera='' output=demo_out parameters=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    --camera | --output | -p)
      [ $# -ge 2 ] || fail "$1 needs a value"
      case $1 in --camera) camera=$2 ;; --output) output=$2 ;; -p) parameters+=(-p "$2") ;; esac
      shift ;;
    -*) fail "unknown option '$1'; see --help" ;;
    *) [ -z "$input" ] || fail "one input at a time, got '$input' and '$1'"; input=$1 ;;
  esac
  shift
done
if [ -n "$input" ] && ! [[ $input =~ ^[0-9]+$ ]]; then
  [ -e "$input" ] || fail "no such video or folder: $input"
  input=$(realpath "$input")
fi
[ -z "$camera" ] || camera=$(realpath -e "$camera") || fail "no such calibration file"
output=$(realpath -m "$output")

"$root/scripts/setup.sh"
# shellcheck disable=SC1091
set +u && source "$root/.venv/bin/activate" && source "$root/install/local_setup.bash" && set -u
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST RCUTILS_COLORIZED_OUTPUT=${RCUTILS_COLORIZED_OUTPUT:-0}
[ "${ROS_DISTRO:-}" != humble ] || export ROS_LOCALHOST_ONLY=1
# Room for large images in shared memory, unless the user has a profile; Fast DDS 2 has another name for it.
profile=$root/install/share/hand_pose_25d/config/fastdds.xml
case ${ROS_DISTRO:-} in
  humble | iron | jazzy) export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE:-$profile} ;;
  *) export FASTDDS_DEFAULT_PROFILES_FILE=${FASTDDS_DEFAULT_PROFILES_FILE:-$profile} ;;
esac
programs=$root/install/lib/hand_pose_25d
common=(--ros-args -r "__ns:=/hand_pose_demo_$$" --log-level warn)
mkdir -p "$output"
rm -f "$output"/{overlay.mp4,contact_sheet.png,hands.mcap,hands.json}

pids=()
end() { # SIGINT, and wait: each ends in its own time
  local pid
  for pid in "$@"; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in "$@"; do wait "$pid" || true; done
}
trap 'end "${pids[@]}"' EXIT
interrupted=
trap 'interrupted=1' INT # a webcam's end: the source goes, the rest is finished in order

echo "== running source, hand_pose and recorder"
"$programs/hand_pose" "${common[@]}" -p reliability:=reliable "${parameters[@]}" &
node=$!
"$programs/recorder" "${common[@]}" -p output:="$output/hands.mcap" -p reliable:=true &
recorder=$!
pids=("$node" "$recorder")
source_arguments=(-p subscribers:=2)
[ -z "$input" ] || source_arguments+=(-p "input:='$input'")
[ -z "$camera" ] || source_arguments+=(-p "camera_file:='$camera'")
"$programs/source" "${common[@]}" "${source_arguments[@]}" &
source=$!
pids+=("$source")
status=0
wait "$source" || status=$?
if [ -n "$interrupted" ]; then # the signal cut the wait short
  status=0
  kill -INT "$source" 2>/dev/null || true
  wait "$source" || true
fi
sleep 0.5 # the recorder has the last messages by then
end "$recorder" "$node"
pids=()
trap - EXIT INT
[ "$status" = 0 ] || fail "the source ended with code $status; see the messages above"

echo "== drawing"
python -m hand_pose_25d.ros.report "$output/hands.mcap" ${input:+--input "$input"}
