# shellcheck shell=sh
# What this machine has, and how it is given what it lacks. Sourced by the scripts beside it, never run.

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE [WHAT TO DO]...: each further argument is a line of its own.
die() {
  printf 'tracecar: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# Can this user become root without being asked for a password?
may_root() { is_root || sudo -n true 2>/dev/null; }

root() { if is_root; then "$@"; else sudo -n "$@"; fi; }

# install_packages NAME...: from the distribution, without questions.
install_packages() {
  may_root || return 1
  if command -v apt-get >/dev/null 2>&1; then
    [ -n "${apt_updated:-}" ] || root apt-get -qq update || say "apt-get update failed; trying with the lists there are"
    apt_updated=1
    root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 \
      -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install "$@"
  elif command -v dnf >/dev/null 2>&1; then root dnf -y install "$@"
  elif command -v zypper >/dev/null 2>&1; then root zypper --non-interactive install "$@"
  elif command -v pacman >/dev/null 2>&1; then root pacman -S --noconfirm --needed "$@"
  elif command -v apk >/dev/null 2>&1; then root apk add "$@"
  else return 1
  fi
}

# need COMMAND PACKAGE: installs the package when the command is missing.
need() {
  command -v "$1" >/dev/null 2>&1 && return 0
  say "installing $2"
  install_packages "$2" >&2 && command -v "$1" >/dev/null 2>&1
}

# Where tracefs is mounted. Without it every tracepoint is "not found" and `bpftrace -l` is empty.
tracefs() { awk '$3 == "tracefs" { print $2; found = 1; exit } END { exit !found }' /proc/mounts; }

# Mounts tracefs where it is missing. Fresh machines and most containers have none.
mount_tracefs() {
  tracefs >/dev/null && return 0
  may_root && root mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null && tracefs >/dev/null
}

# What not everybody's PATH has: the system's tools, and Go where its installer puts it.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin
export PATH

GO=${GO:-go}

# The oldest go command that can fetch the toolchain go.mod asks for.
check_go() {
  command -v "$GO" >/dev/null 2>&1 ||
    die "Go is not installed, or not in PATH." "Install Go 1.21 or newer: https://go.dev/doc/install"
  case $("$GO" env GOVERSION) in
    go1.1[0-9]* | go1.20* | go1.[0-9] | go1.[0-9].*)
      die "$("$GO" env GOVERSION) is too old to build tracecar." \
        "Install Go 1.21 or newer (it fetches the toolchain go.mod names): https://go.dev/doc/install" ;;
  esac
}
