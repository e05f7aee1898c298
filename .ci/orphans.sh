#!/bin/sh
# orphans.sh FILE: fails when a bpftrace or tracecar is still alive that was started after FILE was
# written by `orphans.sh -before FILE`. Waits up to 10 s for those that are just ending.
#
# A process that runs under one that was there before belongs to somebody else, unless it runs under
# us (PID, default: the caller); one whose tree has no such root was left behind by what we ran.
set -eu

processes() { ps -eo pid=,ppid=,comm=; }

if [ "$1" = -before ]; then
  processes > "$2"
  exit 0
fi
us=${PID:-$PPID}

left() {
  processes | awk -v us="$us" '
    FNR == NR { before[$1] = 1; next }
    { parent[$1] = $2; name[$1] = $3 }
    END {
      for (p in name) {
        if ((name[p] != "bpftrace" && name[p] != "tracecar") || p in before) continue
        mine = 0
        for (top = p; parent[top] > 1 && parent[top] in name; top = parent[top]) if (parent[top] == us) mine = 1
        if (mine || !(top in before)) print p
      }
    }' "$1" -
}

for _ in 1 2 3 4 5 6 7 8 9 10; do
  alive=$(left "$1")
  [ -n "$alive" ] || exit 0
  sleep 1
done
echo "still alive, 10 s after everything ended:" >&2
# shellcheck disable=SC2086 # a list of pids
ps -o pid,ppid,sid,etime,args -p "$(echo $alive | tr ' ' ,)" >&2 || true
exit 1
