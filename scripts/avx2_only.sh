#!/usr/bin/env bash
# Runs a command as on an x86 CPU with AVX2 and nothing newer, on one that has more:
#     scripts/avx2_only.sh .venv/bin/hand-pose-25d benchmark
# Needs a C compiler, and a CPU and kernel that can trap CPUID (flag cpuid_fault in /proc/cpuinfo).
set -euo pipefail

if [[ $# -eq 0 ]]; then
  echo "usage: $0 COMMAND [ARGUMENT ...]" >&2
  exit 2
fi
if ! grep -qw cpuid_fault /proc/cpuinfo; then
  echo "$0: this CPU or kernel cannot trap CPUID (no cpuid_fault in /proc/cpuinfo)" >&2
  exit 1
fi
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${CC:-cc}" -O1 -shared -fPIC "$here/avx2_only.c" -o "$folder/avx2_only.so" -ldl
sed -E 's/ (avx512[a-z0-9_]*|amx_[a-z0-9]*|avx_vnni[a-z0-9_]*)//g' /proc/cpuinfo > "$folder/cpuinfo"
AVX2_CPUINFO="$folder/cpuinfo" LD_PRELOAD="$folder/avx2_only.so" "$@"
