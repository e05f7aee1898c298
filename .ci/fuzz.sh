#!/bin/sh
# `make fuzz`: each fuzz function for FUZZTIME (default 10s), one after the other. What it finds is
# written to testdata/fuzz of the package: commit it with the fix.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh
check_go

targets=$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | wc -l)
[ "$targets" -gt 0 ] || die "no package has fuzz functions"
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | while read -r package; do
  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$package"/*_test.go | sort | while read -r name; do
    say "fuzz: $package $name"
    # Shrinking an input that is merely new may take all of a short run: 60 s, unless bounded.
    "$GO" test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 100x "$package"
  done
done
