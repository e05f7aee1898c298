package executor

import (
	"os"
	"os/user"
	"strings"
)

// SudoError says that sudo did not start the root helper.
type SudoError struct {
	Reason string // what sudo said, or that it is not there
	// Sudoers is the exact line that gives the right, for visudo; "" where a
	// right is not what is missing.
	Sudoers string
	// Warning says why that line would be dangerous as things are: the helper's
	// program can be replaced by others than root.
	Warning string
}

func (e *SudoError) Error() string {
	s := "sudo: " + e.Reason
	if e.Sudoers != "" {
		s += "; give the right with visudo: " + e.Sudoers
	}
	if e.Warning != "" {
		s += " (but first: " + e.Warning + ")"
	}
	return s
}

func findSudo() (string, error) {
	for _, path := range []string{"/usr/bin/sudo", "/usr/local/bin/sudo", "/bin/sudo"} {
		if _, reason := executable(path); reason == "" {
			return path, nil
		}
	}
	return "", &SudoError{Reason: "not installed; run as root instead"}
}

// sudoError makes one of what sudo printed instead of starting the helper.
func (b *Bpftrace) sudoError(stderr string) error {
	reason := strings.TrimSpace(plain(stderr))
	first, _, _ := strings.Cut(reason, "\n")
	e := &SudoError{Reason: clip(strings.TrimPrefix(first, "sudo: "), 300)}
	switch {
	case first == "":
		e.Reason = "ended without a word, and the root helper did not start"
	case strings.Contains(reason, "no new privileges"):
		e.Reason += "; start this process as root, or without no_new_privs"
		return e
	case !strings.HasPrefix(first, "sudo:") && !strings.Contains(reason, "sudoers"):
		return e // the helper's own words
	}
	e.Sudoers = SudoersLine("", b.cfg.Helper)
	if why := untrusted(b.cfg.Helper[0]); why != "" {
		e.Warning = why + "; install it as root's, and writable by root only"
	}
	return e
}

// SudoersLine is the line for visudo that lets a user ("" is the one who asks)
// run exactly this command as root.
func SudoersLine(name string, command []string) string {
	escape := strings.NewReplacer(`\`, `\\`, ",", `\,`, ":", `\:`, "=", `\=`, " ", `\ `, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "!", `\!`, "#", `\#`)
	if name == "" {
		name = "#" + itoa(os.Getuid())
		if u, err := user.Current(); err == nil {
			name = escape.Replace(u.Username)
		}
	}
	words := make([]string, len(command))
	for i, w := range command {
		words[i] = escape.Replace(w)
	}
	line := name + " ALL=(root) NOPASSWD: " + strings.Join(words, " ")
	if len(command) == 1 {
		line += ` ""` // no arguments, rather than any
	}
	return line
}
