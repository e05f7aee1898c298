#!/bin/sh
# `make bench`: the Go benchmarks of every package that has some, and the ratios the README quotes.
# BENCH (default .) selects by name; BENCHTIME is go test's -benchtime. Real bpftrace where there is one.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh
check_go
if is_root; then mount_tracefs || say "tracefs is not mounted: benchmarks on the live kernel will be skipped"; fi
if [ -z "${TRACECAR_BPFTRACE:-}" ]; then
  TRACECAR_BPFTRACE=$(sh .ci/bpftrace-versions.sh -l | paste -sd: -)
fi
export TRACECAR_BPFTRACE

packages=$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -r -n 1 dirname | sort -u)
[ -n "$packages" ] || die "no package has benchmarks"
# One package at a time: they share the CPUs they measure.
# shellcheck disable=SC2086 # folders of Go packages have no spaces
exec "$GO" test -p 1 -run '^$' -bench "${BENCH:-.}" -benchmem -benchtime "${BENCHTIME:-1s}" -timeout 30m $packages
