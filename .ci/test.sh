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
[ "$(uname -s)" = Linux ] ||
  die "bpftrace traces the Linux kernel; this is $(uname -s)." "Run the tests on Linux: a virtual machine will do."
if is_root; then
  mount_tracefs || say "tracefs is not mounted and cannot be: tests of tracepoints will be skipped"
else
  say "not root: tests on the live kernel will be skipped. To run them:  sudo env \"PATH=\$PATH\" make test"
fi
if [ -z "${TRACECAR_BPFTRACE:-}" ] && ! command -v bpftrace > /dev/null 2>&1; then
  say "no bpftrace: tests that need it will be skipped. \`make run\` installs it."
fi

# The slowest package first: it would run alone at the end.
exec sh .ci/go-test.sh "$@" ./examples ./...
