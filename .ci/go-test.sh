#!/bin/sh
# go-test.sh [-C DIR] [ARGUMENTS of go test]: runs go test (in the module of DIR) and shows its closing lines,
# what failed, and every skip with its reason. With TRACECAR_REQUIRE_REAL=1 a skip that .ci/allowed-skips does not name fails.
#
# TRACECAR_AGAIN=N (CI sets it) runs up to N failed tests once more, alone. One that passes then is
# printed as FLAKY: a bug of the test or of what it tests, but none that holds up everything else. More
# failures than N, a data race, a panic, a deadline or an unexpected skip fail at once.
set -eu
cd "$(dirname "$0")/.."

module=.
if [ "${1:-}" = -C ]; then
  module=$2
  shift 2
fi
strict=
[ "${TRACECAR_REQUIRE_REAL:-}" != 1 ] || strict=-strict
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${GO:-go}" build -o "$work/testreport" .ci/testreport.go

# Two packages at a time, whatever the machine: real-kernel tests share one kernel.
{
  status=0
  "${GO:-go}" test -C "$module" -json -p 2 -timeout 15m "$@" 2>&1 || status=$?
  echo "go test: exit status $status"
} | "$work/testreport" $strict -allow .ci/allowed-skips -again "$work/again" && exit 0

failed=0
[ ! -f "$work/again" ] || failed=$(wc -l < "$work/again")
[ "$failed" -gt 0 ] && [ "$failed" -le "${TRACECAR_AGAIN:-0}" ] || exit 1
while read -r package test; do
  flags=
  for argument; do
    case $argument in -race | -short | -timeout=*) flags="$flags $argument" ;; esac
  done
  # shellcheck disable=SC2086 # flags of go test have no spaces here
  if ! "${GO:-go}" test -C "$module" $flags -run "^$test\$" -count=1 "$package" < /dev/null; then
    echo "FAIL: $package $test failed twice"
    exit 1
  fi
  echo "FLAKY: $package $test failed beside others and passed alone"
done < "$work/again"
