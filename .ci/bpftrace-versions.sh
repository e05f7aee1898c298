#!/bin/sh
# Several bpftrace versions side by side, without touching this machine's packages.
#
#   bpftrace-versions.sh [-d DIR] [-l] [VERSION...]      (default versions: 0.17 0.23 0.27)
#
#   -d DIR  where to unpack what is missing (default: $TRACECAR_BPFTRACE_DIR, else .cache/bpftrace)
#   -l      only list what is there already; download nothing
#
# Prints one path per version on standard output, in the order asked for; what it does, on standard
# error. Exits 1 when a version could not be had (with -l: never). To hand them to the tests:
#
#   TRACECAR_BPFTRACE=$(.ci/bpftrace-versions.sh | paste -sd: -) go test ./...
#
# A version is looked for in DIR/bin/bpftrace-VERSION, then /opt/bpftrace/bin/bpftrace-VERSION, then
# as `bpftrace` in PATH. Otherwise the Debian suite that has it is looked up on the mirror this
# machine's own apt sources name; apt resolves, verifies and downloads bpftrace and its libraries
# into a private state folder; they are unpacked, not installed, and started through their own
# dynamic loader. No chroot and no mounts: bpftrace sees the host's files, /proc, /sys and BTF.
# The printed program is a two-line wrapper that exec's bpftrace: its pid is bpftrace's pid.
#
# Needs apt-get, dpkg-deb and sources of Debian; about 300 MB of disk, 70 MB of download and
# 10-20 s for each version. Root is needed to run bpftrace, not to unpack it.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
dir=${TRACECAR_BPFTRACE_DIR:-$here/.cache/bpftrace}
list=
while getopts d:lh option; do
  case $option in
    d) dir=$OPTARG ;;
    l) list=1 ;;
    h) sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"; exit 0 ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 0.17 0.23 0.27

log() { printf '%s\n' "$*" >&2; }

# works PROGRAM VERSION: does it run, and is it that version?
works() { "$1" --version 2>/dev/null | grep -q "^bpftrace v$2\(\.\|\$\)"; }

# present VERSION: prints the path of one that is there already.
present() {
  for candidate in "$dir/bin/bpftrace-$1" "/opt/bpftrace/bin/bpftrace-$1" "$(command -v bpftrace || true)"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ] && works "$candidate" "$1"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

# The Debian mirror as apt knows it, without its security and updates suites. Before the first
# apt-get update apt does not know whose a source is: then the first one is taken.
mirror() {
  # shellcheck disable=SC2016 # apt's variables, not the shell's
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
    awk '$3 == "main" && $2 !~ /-/ && ($4 == "Debian" || $4 == "") { print $1; exit }'
}

# Where a version is usually found. A rolling suite moves on: then another one may have it.
suites() {
  case $1 in
    0.17) echo bookworm ;;
    0.23) echo trixie ;;
    *) echo sid forky trixie bookworm ;;
  esac
}

# private_apt DIR COMMAND...: apt with its state in DIR; the machine's lists and packages stay untouched.
private_apt() {
  apt=$1 command=$2
  shift 2
  "$command" -q -o Dir::State="$apt/state" -o Dir::State::Lists="$apt/lists" \
    -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o APT::Sandbox::User="" -o APT::Install-Recommends=false -o Acquire::Languages=none \
    -o Acquire::Retries=3 -o Debug::NoLocking=true "$@"
}

# unpack VERSION SUITE: 1 when the suite does not have the version.
unpack() {
  version=$1 suite=$2 work=$dir/.tmp-$1
  rm -rf "$work"
  mkdir -p "$work/apt/state" "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/root"
  : > "$work/apt/status"
  signed=
  [ ! -r "$keyring" ] || signed="[signed-by=$keyring] "
  echo "deb $signed$uri $suite main" > "$work/apt/sources.list"
  private_apt "$work/apt" apt-get update > "$work/log" 2>&1 || { tail -n 3 "$work/log" >&2; return 1; }
  have=$(private_apt "$work/apt" apt-cache madison bpftrace | awk '{ print $3; exit }')
  case $have in "$version".* | "$version"-*) ;; *) return 1 ;; esac
  log "bpftrace-$version: $have from $suite"
  private_apt "$work/apt" apt-get install -y --download-only bpftrace > "$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; return 1; }
  for deb in "$work"/apt/cache/archives/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
  rm -rf "$work/apt" "$work/log" "$work/root/usr/share/doc" "$work/root/usr/share/man" "$work/root/usr/share/locale"
}

# wrap VERSION: writes the program that starts what was unpacked.
wrap() {
  version=$1 home=$dir/$1 program=$dir/bin/bpftrace-$1
  # The loader and the library folders, before and after the /usr merge, on any architecture.
  loader=$(find "$home/root" -name 'ld-linux*.so.*' -type f | head -n 1)
  libraries=$(find "$home/root" \( -name libc.so.6 -o -name 'libLLVM*.so*' -o -name 'libclang*.so*' -o -name 'libbpf.so*' \) \
    -exec dirname {} + | sort -u | paste -sd: -)
  # Through a link of that name the process is called bpftrace, not ld-linux.
  ln -sfn "${loader#"$home"/}" "$home/bpftrace"
  cat > "$program.new" <<WRAPPER
#!/bin/sh
exec '$home/bpftrace' --argv0 bpftrace --library-path '$libraries' '$home/root/usr/bin/bpftrace' "\$@"
WRAPPER
  chmod 755 "$program.new"
  mv "$program.new" "$program"
}

fetch() {
  [ -n "$uri" ] || { log "bpftrace-$1: this machine's apt sources name no Debian mirror"; return 1; }
  for suite in $(suites "$1"); do
    if unpack "$1" "$suite"; then
      rm -rf "${dir:?}/$1"
      mv "$dir/.tmp-$1" "$dir/$1"
      wrap "$1"
      works "$dir/bin/bpftrace-$1" "$1" && return 0
      log "bpftrace-$1: unpacked, but does not run:"
      "$dir/bin/bpftrace-$1" --version >&2 || true
      return 1
    fi
  done
  rm -rf "$dir/.tmp-$1"
  log "bpftrace-$1: no suite of this mirror has it"
  return 1
}

status=0 uri='' locked=''
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for version; do
  if [ -z "$list" ] && ! present "$version" > /dev/null; then
    if [ -z "$locked" ]; then
      for tool in apt-get dpkg-deb; do
        command -v $tool > /dev/null || { log "bpftrace-$version: $tool is needed to unpack it"; exit 1; }
      done
      mkdir -p "$dir/bin"
      dir=$(cd "$dir" && pwd)
      # One at a time; the lock goes with this process, however it ends.
      if command -v flock > /dev/null; then exec 9> "$dir/.lock"; flock 9; fi
      locked=1
      uri=$(mirror)
    fi
    present "$version" > /dev/null || fetch "$version" || status=1
  fi
  present "$version" || [ -n "$list" ] || status=1
done
exit $status
