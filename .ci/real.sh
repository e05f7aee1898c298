#!/bin/sh
# `make real`: every test, on the live kernel, with bpftrace 0.17, 0.23 and 0.27. A test that is
# skipped fails, unless .ci/allowed-skips names it. Arguments go to go test.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh
check_go
is_root || die "real-kernel tests need root." "Run:  sudo -E env \"PATH=\$PATH\" make real"
mount_tracefs || die "tracefs is not mounted and may not be mounted here."

TRACECAR_BPFTRACE=$(sh .ci/bpftrace-versions.sh | paste -sd: -)
[ -n "$TRACECAR_BPFTRACE" ] || die "no bpftrace version could be had"
versions=$(printf '%s\n' "$TRACECAR_BPFTRACE" | tr : '\n' | wc -l)
[ "$versions" -eq 3 ] || die "only $versions of 3 bpftrace versions could be had: $TRACECAR_BPFTRACE"
TRACECAR_REQUIRE_REAL=1
export TRACECAR_BPFTRACE TRACECAR_REQUIRE_REAL

printf '%s\n' "$TRACECAR_BPFTRACE" | tr : '\n' | while read -r program; do
  say "$program: $("$program" --version)"
done
exec sh .ci/go-test.sh -count=1 "$@" ./examples ./...
