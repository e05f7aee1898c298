package executor

import (
	"os"
	"strings"
)

// installCommand is the command that installs bpftrace on this distribution;
// "" where none is known.
func installCommand() string {
	return installOn(osRelease())
}

var installers = []struct{ id, command string }{
	{"debian", "apt-get install -y bpftrace"},
	{"ubuntu", "apt-get install -y bpftrace"},
	{"fedora", "dnf install -y bpftrace"},
	{"rhel", "dnf install -y bpftrace"},
	{"centos", "dnf install -y bpftrace"},
	{"amzn", "dnf install -y bpftrace"},
	{"suse", "zypper install -y bpftrace"},
	{"opensuse", "zypper install -y bpftrace"},
	{"arch", "pacman -S --noconfirm bpftrace"},
	{"alpine", "apk add bpftrace"},
	{"gentoo", "emerge dev-util/bpftrace"},
	{"nixos", "nix-env -iA nixos.bpftrace"},
}

func installOn(release map[string]string) string {
	for _, id := range strings.Fields(release["ID"] + " " + release["ID_LIKE"]) {
		for _, in := range installers {
			if id == in.id {
				if os.Geteuid() != 0 {
					return "sudo " + in.command
				}
				return in.command
			}
		}
	}
	return ""
}

// osRelease reads os-release(5): NAME=value lines, values maybe quoted.
func osRelease() map[string]string {
	text := readTrimmed("/etc/os-release")
	if text == "" {
		text = readTrimmed("/usr/lib/os-release")
	}
	return parseOSRelease(text)
}

func parseOSRelease(text string) map[string]string {
	release := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(name, "#") {
			release[name] = strings.Trim(value, `"'`)
		}
	}
	return release
}
