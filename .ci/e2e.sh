#!/bin/sh
# `make e2e`: real bpftrace -> tracecar -> a real OpenTelemetry Collector -> Prometheus's storage and
# PromQL, asserted end to end (collector/otlp/e2e, a Go module of its own). Arguments go to go test.
#
# The collector and Prometheus are built from source: some 5 minutes of two cores and 500 MB the first
# time, seconds later. On a machine without their sources and without a network this is skipped, loudly,
# unless TRACECAR_REQUIRE_REAL=1 or CI is set: then it fails.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh
check_go
root=$PWD
module=$root/collector/otlp/e2e
if [ -n "${CI:-}" ]; then TRACECAR_REQUIRE_REAL=1; fi
export TRACECAR_REQUIRE_REAL="${TRACECAR_REQUIRE_REAL:-}"

# give_up REASON: a failure where the tests are required, else a skip that nobody overlooks.
give_up() {
  [ "$TRACECAR_REQUIRE_REAL" != 1 ] || die "the end-to-end tests cannot run: $1"
  say "==== SKIPPED: the end-to-end tests: $1"
  exit 0
}

is_root || give_up "they need root. Run:  sudo -E env \"PATH=\$PATH\" make e2e"
mount_tracefs || give_up "tracefs is not mounted and may not be mounted here"
if [ -z "${TRACECAR_BPFTRACE:-}" ]; then
  TRACECAR_BPFTRACE=$(sh .ci/bpftrace-versions.sh | paste -sd: -)
fi
[ -n "$TRACECAR_BPFTRACE" ] || give_up "no bpftrace could be had"
export TRACECAR_BPFTRACE

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
(cd "$module" && "$GO" list -deps -test ./... > /dev/null) 2> "$work/download" || {
  tail -n 3 "$work/download" >&2
  give_up "modules are missing and cannot be downloaded"
}

mkdir -p .cache/e2e
[ -x .cache/e2e/promserver ] || say "building a collector and Prometheus: about 5 minutes the first time"
# Not more at once than the machine bears beside others: linking takes a gigabyte each.
(cd "$module" && nice "$GO" build -trimpath -o "$root/.cache/e2e/" ./otelcol ./promserver)

# The packages one after the other: they share one kernel.
sh .ci/go-test.sh -C "$module" -p=1 -count=1 -timeout=20m "$@" ./...
