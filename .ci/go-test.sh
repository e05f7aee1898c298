#!/bin/sh
# go-test.sh [ARGUMENTS of go test]: runs go test and shows its closing lines, what failed, and every
# skip with its reason. With TRACECAR_REQUIRE_REAL=1 a skip that .ci/allowed-skips does not name fails.
set -eu
cd "$(dirname "$0")/.."

strict=
[ "${TRACECAR_REQUIRE_REAL:-}" != 1 ] || strict=-strict
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${GO:-go}" build -o "$work/testreport" .ci/testreport.go

# Two packages at a time, whatever the machine: real-kernel tests share one kernel.
{
  status=0
  "${GO:-go}" test -json -p 2 -timeout 15m "$@" 2>&1 || status=$?
  echo "go test: exit status $status"
} | "$work/testreport" $strict -allow .ci/allowed-skips
