#!/bin/sh
# `make lint`: everything a change must pass that is not a test. Runs all of it, then fails.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh
check_go

golangci=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

failed=
lint() {
  name=$1
  shift
  say "lint: $name"
  "$@" >&2 || failed="$failed, $name"
}

# files DIR PATTERN: ours, committed or not yet.
files() { find "$1" \( -name .git -o -name .cache -o -name node_modules \) -prune -o -type f -name "$2" -print; }

formatted() {
  unformatted=$(files . '*.go' | xargs gofmt -l) || return 1
  [ -z "$unformatted" ] || { printf 'not formatted by gofmt:\n%s\n' "$unformatted"; return 1; }
}

# No source file past 500 lines: past it, nobody reads it whole.
short() {
  { files . '*.go'; files .ci '*'; } | xargs wc -l | awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines, past 500"; bad = 1 } END { exit bad }'
}

shells() {
  if command -v shellcheck > /dev/null 2>&1; then
    { files .ci '*.sh'; echo .ci/run; } | xargs shellcheck -x
  else
    say "  shellcheck is not installed: shell scripts not checked"
  fi
}

# A call of reflect's Method with a name the linker cannot know (text/template has one) makes it keep every
# exported method of every type: 4 MB more program, 7 MB more resident memory in a daemon at rest.
pruned() {
  out=$(mktemp -d) kept=
  for tags in light grpcnotrace; do
    CGO_ENABLED=0 "$GO" build -tags "$tags" -ldflags=-dumpdep -o "$out/tracecar" ./cmd/tracecar > "$out/links" 2>&1
    grep -q '^main.main -> ' "$out/links" || kept="$kept
-tags $tags: the linker does not say what it links: $(head -n 3 "$out/links")"
    ! by=$(grep -m 1 '<ReflectMethod> -> reflect' "$out/links") || kept="$kept
-tags $tags: $by"
  done
  rm -r "$out"
  [ -z "$kept" ] || { printf 'every method is kept by%s\n' "$kept"; return 1; }
}

lint gofmt formatted
lint "methods nobody calls" pruned
lint "go vet" "$GO" vet ./...
lint "go vet, light" "$GO" vet -tags light ./cmd/tracecar
lint "testreport" "$GO" test .ci/testreport.go .ci/testreport_test.go # ./... leaves .ci out
lint "file length" short
lint shellcheck shells
lint "go.mod" "$GO" mod tidy -diff
# Pinned; built from source by go run, cached by it, and never in our own go.mod.
lint golangci-lint env CGO_ENABLED=0 "$GO" run "$golangci" run --allow-parallel-runners ./...

[ -z "$failed" ] || die "lint failed: ${failed#, }"
say "lint: ok"
