package examples

import (
	"strconv"
	"strings"
)

// version is the part of a bpftrace version that the language depends on.
type version struct{ major, minor int }

// parseVersion reads "0.23", "0.23.2", "v0.23.2-rc1" and "bpftrace v0.23.2".
func parseVersion(s string) (v version, ok bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "bpftrace "), "v")
	major, rest, ok := strings.Cut(s, ".")
	if !ok {
		return version{}, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(rest[:end])
	if errA != nil || errB != nil || a < 0 {
		return version{}, false
	}
	return version{a, b}, true
}

func (v version) less(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// minimum is the version that "bpftrace >= …" among the requirements names.
func (s Script) minimum() string {
	for _, r := range s.Requires {
		if v, ok := strings.CutPrefix(r, "bpftrace >= "); ok {
			return v
		}
	}
	return ""
}
