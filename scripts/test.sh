#!/usr/bin/env bash
# Check everything: set-up if needed, then style, types, the layout's contracts, the documents' site and
# all tests, those over DDS included.  Each check runs, whatever became of those before it; which failed
# is said at the end.
#
#   scripts/test.sh                        as CI does
#   scripts/test.sh [PYTEST ARGUMENTS]     e.g. scripts/test.sh test/geometry/test_camera.py -k fisheye
#   scripts/test.sh -m long                tests that take minutes; also: -m campaign, -m soak
#
# HAND_POSE_TEST_WORKERS says how many processes share the tests; default: one a core, four at most, and
# no sharing where arguments are given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
  exit 0
fi

scripts/setup.sh --dev
# shellcheck disable=SC1091
set +u && source .venv/bin/activate && source install/local_setup.bash && set -u
# Tests run beside each other's processes; more threads than that fight over the cores.
export OMP_NUM_THREADS=1 RCUTILS_COLORIZED_OUTPUT=0 NO_MKDOCS_2_WARNING=1

failed=()
check() { # NAME COMMAND...
  local name=$1
  shift
  echo "== $name"
  "$@" || failed+=("$name")
}

check "ruff check" ruff check .
check "ruff format" ruff format --check .
check mypy mypy
check "import contracts" lint-imports --no-logo
if [ -f mkdocs.yml ]; then
  check "documents" mkdocs build --quiet --strict --site-dir build/site
fi
cores=$(env -u OMP_NUM_THREADS nproc) # nproc counts no more than that variable says
workers=$((cores < 4 ? cores : 4))
[ $# -eq 0 ] || workers=0
# -r sfE: at the end, what was skipped and why, and the names of the tests that failed.
run_tests() { python -m pytest -q -r sfE --durations=10 -n "${HAND_POSE_TEST_WORKERS:-$workers}" "$@"; }
if [ $# -gt 0 ]; then
  check pytest run_tests "$@"
else
  # The workshop's tests fork; a fork of a process in which OpenVINO and Arrow have run, as the
  # library's tests make them, can end in a segmentation fault.
  check "pytest, library" run_tests --ignore=test/train test
  check "pytest, workshop" run_tests test/train
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
