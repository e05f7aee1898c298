#!/bin/sh
# `make test`, `make race` (-race): every test this machine can run; skips are counted and named.
# Arguments go to go test.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh
check_go

# The bpftrace versions the real-kernel tests use; unset, the tests look in PATH themselves.
if [ -z "${TRACECAR_BPFTRACE:-}" ]; then
  TRACECAR_BPFTRACE=$(sh .ci/bpftrace-versions.sh -l | paste -sd: -)
  [ -n "$TRACECAR_BPFTRACE" ] || unset TRACECAR_BPFTRACE
fi
[ -z "${TRACECAR_BPFTRACE:-}" ] || export TRACECAR_BPFTRACE
if [ "$(uname -s)" = Linux ] && is_root; then
  mount_tracefs || say "tracefs is not mounted and cannot be: tests of tracepoints will be skipped"
fi

exec sh .ci/go-test.sh "$@" ./...
