#!/usr/bin/env bash
# Check everything: set-up if needed, ruff, mypy, all tests, those over DDS included.
#
#   scripts/test.sh [PYTEST ARGUMENTS]      e.g. scripts/test.sh test/geometry/test_camera.py -k fisheye
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh --dev
# shellcheck disable=SC1091
set +u && source .venv/bin/activate && source install/local_setup.bash && set -u
# Tests run beside each other's processes; more threads than that fight over the cores.
export OMP_NUM_THREADS=1 RCUTILS_COLORIZED_OUTPUT=0

echo "== ruff"
ruff check .
ruff format --check .
echo "== mypy"
mypy
echo "== pytest"
python -m pytest -q -rs --durations=10 "$@"
