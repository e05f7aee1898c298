package kernelmap

import (
	"strconv"
	"strings"
)

// dialect is what differs between bpftrace versions.
type dialect struct {
	verified bool
	// btf: maps describe themselves; keys are laid out as C structs. Else
	// keys are packed and integers have 8 bytes.
	btf bool
	// narrow: integers in keys have their own width (0.24); else 8 bytes.
	narrow bool
	// squeeze: printed keys lose their spaces and one outer pair of
	// parentheses (0.24); booleans and enums print as names.
	squeeze bool
	// topOpen: hist's bucket 33 holds all values from 2^31 on.
	topOpen bool
}

// Verified tells whether the layouts of a bpftrace version ("0.23.2",
// "v0.17.0") were tested against its own JSON.
func Verified(version string) bool {
	d, ok := dialectOf(version)
	return ok && d.verified
}

// dialectOf returns false for versions whose layouts are not known: before
// 0.22 maps do not describe themselves, and only 0.17 was measured.
func dialectOf(version string) (dialect, bool) {
	version = strings.TrimPrefix(strings.TrimPrefix(version, "bpftrace "), "v")
	part := strings.SplitN(version, ".", 3)
	if len(part) < 2 {
		return dialect{}, false
	}
	digits := strings.IndexFunc(part[1], func(r rune) bool { return r < '0' || r > '9' })
	if digits >= 0 {
		part[1] = part[1][:digits]
	}
	minor, err := strconv.Atoi(part[1])
	if err != nil || part[0] != "0" {
		return dialect{}, false
	}
	switch {
	case minor == 17:
		return dialect{verified: true, topOpen: true}, true
	case minor < 22:
		return dialect{}, false
	case minor < 24:
		return dialect{verified: minor == 23, btf: true}, true
	}
	return dialect{verified: minor == 27, btf: true, narrow: true, squeeze: true}, true
}
