#!/bin/sh
# The MCP conformance suite and the official TypeScript client against the real tracecar.
#
#   sh .ci/conformance.sh          builds tracecar, serves it on a free port, runs both
#   sh .ci/conformance.sh URL      the conformance scenarios against a server that runs
#
# What it needs comes from npm into .cache (pinned in mcp/testdata/tsclient).
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh

# The scenarios that need no fixture tools of their own.
scenarios="server-initialize ping tools-list dns-rebinding-protection server-sse-multiple-streams
  resources-list prompts-list completion-complete"

need npm npm || die "npm is missing and could not be installed." "Install Node.js with npm."
root=$PWD
client=$root/mcp/testdata/tsclient
cache=$root/.cache/tsclient
mkdir -p "$cache"
# Installed again only when the pins change.
if ! cmp -s "$client/package-lock.json" "$cache/installed"; then
  cp "$client/package.json" "$client/package-lock.json" "$cache/"
  (cd "$cache" && npm ci --no-audit --no-fund --loglevel=error >&2)
  cp "$client/package-lock.json" "$cache/installed"
fi
# The suite needs Node 22, which distributions may not have: it comes as a package too.
node=$cache/node_modules/node/bin/node
"$node" --version >&2

work=$(mktemp -d)
server=
ended() {
  if [ -n "$server" ]; then
    kill "$server" 2> /dev/null || :
    wait "$server" 2> /dev/null || :
  fi
  rm -rf "$work"
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# conformance URL: each scenario must have passed at least one check; the suite
# calls a scenario without checks a success.
conformance() {
  failed=
  for scenario in $scenarios; do
    if (cd "$work" && "$node" "$cache/node_modules/@modelcontextprotocol/conformance/dist/index.js" \
      server --url "$1" --scenario "$scenario") > "$work/out" 2>&1 &&
      grep -q '^Passed: \([1-9][0-9]*\)/\1, 0 failed, 0 warnings' "$work/out"; then
      say "conformance: $scenario: passed"
    else
      say "conformance: $scenario: FAILED"
      cat "$work/out" >&2
      failed="$failed $scenario"
    fi
  done
  [ -z "$failed" ] || die "conformance failed:$failed"
}

if [ $# -gt 0 ]; then
  conformance "$1"
  exit
fi

check_go
make build >&2
bpftrace=${TRACECAR_BPFTRACE:-}
bpftrace=${bpftrace##*:} # the last of the list is the newest
[ -n "$bpftrace" ] || bpftrace=$(command -v bpftrace) || die "bpftrace is missing." "make run installs it."

# A busy machine must not stop what counts its system calls.
TRACECAR_GUARD_CPU_PERCENT=100 bin/tracecar serve --listen 127.0.0.1:0 --bpftrace "$bpftrace" 2> "$work/log" &
server=$!
tries=0
until url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$work/log"); do
  tries=$((tries + 1))
  if [ $tries -gt 300 ] || ! kill -0 "$server" 2> /dev/null; then
    cat "$work/log" >&2
    die "tracecar serve did not start"
  fi
  sleep 0.1
done
conformance "$(printf '%s\n' "$url" | head -n 1)/mcp"

# The client imports the SDK from beside itself.
cp "$client/client.mjs" "$cache/"
"$node" "$cache/client.mjs" "$root/bin/tracecar" "$bpftrace" >&2
say "conformance: ok"
