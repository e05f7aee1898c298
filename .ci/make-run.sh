#!/bin/sh
# `make run`: from a fresh machine to the exact result of a bpftrace script on the live kernel.
# Asks nothing. On a machine that cannot, says why and what to do, and exits 1.
set -eu
cd "$(dirname "$0")/.."
. .ci/host.sh

[ "$(uname -s)" = Linux ] ||
  die "bpftrace traces the Linux kernel; this is $(uname -s)." "Run this on Linux: a virtual machine will do."
check_go
may_root || command -v sudo > /dev/null 2>&1 ||
  die "tracing the kernel needs root, and there is no sudo." "Run make run as root."
may_root ||
  die "tracing the kernel needs root, and sudo would ask for a password." \
    "Run:  sudo -v && make run      (sudo remembers the password for a while)"

btf=/sys/kernel/btf/vmlinux
[ -r "$btf" ] ||
  die "this kernel has no BTF ($btf is missing), which bpftrace needs." \
    "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y: those of Debian 11+, Ubuntu 20.10+ and Fedora 31+ are." \
    "In a container, /sys of the host has to be visible."
if grep -qs '\[confidentiality\]' /sys/kernel/security/lockdown; then
  die "the kernel is locked down (confidentiality): nothing may be traced." \
    "Boot without lockdown=confidentiality, or turn Secure Boot off."
fi

need bpftrace bpftrace ||
  die "bpftrace is not installed and could not be." \
    "Install it by hand: https://github.com/bpftrace/bpftrace/blob/master/INSTALL.md"
mount_tracefs ||
  die "tracefs is not mounted and may not be mounted here." \
    "As root:  mount -t tracefs tracefs /sys/kernel/tracing" \
    "In a container, run it with --privileged, or mount the host's /sys/kernel/tracing into it."

say "building bin/tracecar"
make --no-print-directory build

# watch_probes serves the example configuration on a free port, shows for 12 seconds what its probes see, and
# ends it. The time limit is for the case that this script is killed and cannot.
watch_probes() {
  log=$(mktemp)
  # shellcheck disable=SC2086 # empty, or one word
  timeout 60 bin/tracecar serve $sudo --config examples/tracecar.yaml --listen 127.0.0.1:0 2> "$log" &
  server=$!
  trap end_server EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  tries=0
  until url=$(sed -n 's|.*mcp=\(http://[0-9.:]*\)/mcp .*|\1|p' "$log") && [ -n "$url" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ] || ! kill -0 "$server" 2> /dev/null; then
      cat "$log" >&2
      die "tracecar serve did not start: see above."
    fi
    sleep 0.1
  done
  say
  say "tracecar serve --config examples/tracecar.yaml, for 12 seconds:"
  say "  MCP      $url/mcp"
  say "  metrics  $url/metrics"
  say
  bin/tracecar watch --url "$url" --for 12s || {
    cat "$log" >&2
    die "tracecar watch failed: see above."
  }
  end_server
}

end_server() {
  trap - EXIT
  kill "$server" 2> /dev/null || :
  wait "$server" 2> /dev/null || :
  rm -f "$log"
}

script='BEGIN { printf("counting system calls for %d seconds\n", 3); }
tracepoint:raw_syscalls:sys_enter { @calls[comm] = count(); @start[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@start[tid]/ {
  @usecs = hist((nsecs - @start[tid]) / 1000);
  delete(@start[tid]);
}
interval:s:3 { exit(); }
END { clear(@start); }'

sudo=
is_root || sudo=--sudo
say
say "$(bpftrace --version) on Linux $(uname -r), this script:"
printf '%s\n' "$script" | sed 's/^/  /' >&2
say
rc=0
# shellcheck disable=SC2086 # empty, or one word
bin/tracecar run --format text $sudo -e "$script" || rc=$?
if [ "$rc" -ne 0 ]; then
  say
  bin/tracecar doctor >&2 || true
  die "the run failed (exit status $rc): see above." \
    "In a container, it needs --privileged (or CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN and the host's /sys)."
fi

watch_probes

cat >&2 <<END

The same as JSON:       bin/tracecar run${sudo:+ $sudo} -e 'SCRIPT'    (or a FILE, or - for standard input)
For an AI agent, MCP:   bin/tracecar mcp                (stdio)
                        bin/tracecar serve              (HTTP, at /mcp)
Probes, all the time:   bin/tracecar serve${sudo:+ $sudo} --config examples/tracecar.yaml
                        bin/tracecar watch              (what they see; also at /metrics)
What this host can do:  bin/tracecar doctor
END
