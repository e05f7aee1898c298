package examples

import (
	"fmt"
	"time"
)

// Script is one script of the library.
type Script struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Question is what the script answers, Description how to read the answer.
	Question    string `json:"question"`
	Description string `json:"description"`
	// Source is the text to run, header and all.
	Source string `json:"source"`
	// Since is the bpftrace version from which this variant is to be used;
	// "" for the script itself.
	Since string `json:"since,omitempty"`
	// Variants are the versions from which another text takes this one's place.
	Variants []string `json:"variants,omitempty"`
	Params   []Param  `json:"params"`
	// Maps are the maps to look at. Scratch names the others.
	Maps    []MapDoc `json:"maps"`
	Scratch []string `json:"scratch"`
	Events  []Event  `json:"events"`
	// Requires lists what the script needs, in the header's words:
	// "tracepoints", "uprobes", "kprobes", "profile", "software", "iter",
	// "BTF", "cgroup2", "libc", "linux >= 6.3", "bpftrace >= 0.23".
	Requires []string `json:"requires"`
	Cost     Cost     `json:"cost"`
	Mode     Mode     `json:"mode"`
	Tags     []string `json:"tags"`
}

// Param is one positional parameter.
type Param struct {
	Position int    `json:"position"` // 1 for $1
	Name     string `json:"name"`
	// Default is what Args fills in. A parameter without one must be given.
	Default     string `json:"default,omitempty"`
	Required    bool   `json:"required"`
	Example     string `json:"example,omitempty"`
	Description string `json:"description"`
}

// MapDoc says what one map holds.
type MapDoc struct {
	Name string `json:"name"` // with the @
	// Kind is in the words of parser/script: count, sum, hist, …
	Kind string `json:"kind"`
	// Unit is in UCUM: "us", "By", "{call}".
	Unit string `json:"unit"`
	// Metric is the name for telemetry: "block.io.duration".
	Metric      string   `json:"metric"`
	Description string   `json:"description"`
	Keys        []KeyDoc `json:"keys"`
}

// KeyDoc is one part of a map's key.
type KeyDoc struct {
	Name string `json:"name"`
	// Decode names what turns the printed value into text for people: a
	// decoder of tracecar/collector/otlp/decode, such as majorminor, syscall or
	// errno. "" where the value speaks for itself.
	Decode string `json:"decode,omitempty"`
}

// Event says what a script prints as it goes.
type Event struct {
	Type string `json:"type"` // printf, join, map, …
	Text string `json:"text"`
}

// Cost is what the script takes from the machine.
type Cost struct {
	Level string `json:"level"` // low, medium, high
	Text  string `json:"text"`
}

// Mode is how the script is meant to be run.
type Mode struct {
	Kind string `json:"kind"` // continuous, window, once
	// Window is how long to run it; 0 but for windows.
	Window time.Duration `json:"window_ns,omitempty"`
}

// Args gives the positional parameters for a run: what the caller gave, with
// the defaults behind. It fails where a parameter without a default is
// missing, or where more were given than there are.
func (s Script) Args(given []string) ([]string, error) {
	if len(given) > len(s.Params) {
		return nil, fmt.Errorf("%s takes %d parameters, not %d", s.Name, len(s.Params), len(given))
	}
	args := make([]string, 0, len(s.Params))
	for i, p := range s.Params {
		switch {
		case i < len(given):
			args = append(args, given[i])
		case p.Required:
			return nil, fmt.Errorf("%s needs $%d, %s: %s", s.Name, p.Position, p.Name, p.Description)
		default:
			args = append(args, p.Default)
		}
	}
	return args, nil
}

// RunsOn reports whether the script is meant for this version of bpftrace; an
// unreadable version is given the benefit of the doubt.
func (s Script) RunsOn(bpftraceVersion string) bool {
	have, ok := parseVersion(bpftraceVersion)
	if !ok {
		return true
	}
	least, limited := parseVersion(s.minimum())
	return !limited || !have.less(least)
}
