package stacks

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tracecar/collector"
	"tracecar/collector/mapkey"
	"tracecar/collector/versions"
	"tracecar/parser"
	"tracecar/parser/script"
)

// Profile is one map keyed by stacks.
type Profile struct {
	Map string // with the @
	// Type and Unit of the values as pprof names them: samples and count for
	// count(), the summed expression and no unit for sum().
	Type, Unit string
	// Period is the time of one CPU that each count stands for, 0 where the
	// script does not tell it exactly.
	Period time.Duration
	// Start is when the probes were attached, zero where that is not known.
	Start   time.Time
	Samples []Sample
	// Total is the sum of all values.
	Total int64
	// Ambiguous counts the samples whose key could not be recovered exactly:
	// their frames are bpftrace's own text.
	Ambiguous int
	// LeftOut is how many rows a limit took away before they came here.
	LeftOut uint64
}

// Sample is one row of the map.
type Sample struct {
	// Labels are the parts of the key beside stacks, in the key's order.
	Labels []Label
	// Frames are those of all stacks of the key, innermost first: the
	// kernel's, then the user's that called into it.
	Frames    []Frame
	Value     int64
	Ambiguous bool
}

// Label is one part of a key that is not a stack.
type Label struct {
	Name  string
	Value parser.Value
}

// Of makes the profile of a map, printed by this version of bpftrace ("" where
// it is not known); args are the script's positional parameters. The error
// says what in m cannot be a profile.
func Of(m *collector.Map, s *script.Script, args []string, version string) (*Profile, error) {
	var sm *script.Map
	for i := range s.Maps {
		if s.Maps[i].Name == m.Name {
			sm = &s.Maps[i]
		}
	}
	if sm == nil {
		return nil, fmt.Errorf("the script has no map %s", m.Name)
	}
	if err := usable(s, sm); err != nil {
		return nil, err
	}
	p := &Profile{Map: m.Name, Type: "samples", Unit: "count", Samples: make([]Sample, 0, len(m.Rows))}
	if sm.Kind == script.KindSum {
		p.Type, p.Unit = sumType(sm), ""
	}
	if sm.Kind == script.KindCount {
		p.Period = period(s, sm, args)
	}
	for i := range m.Rows {
		v, ok := m.Rows[i].Value.Int64()
		if !ok {
			return nil, fmt.Errorf("%s has a value that no profile can hold: %s", m.Name, m.Rows[i].Value)
		}
		if v > 0 && p.Total > math.MaxInt64-v || v < 0 && p.Total < math.MinInt64-v {
			return nil, fmt.Errorf("the values of %s add up to more than 64 bits hold", m.Name)
		}
		p.Total += v
		smp := sample(&m.Rows[i], m.Keys, sm, version)
		smp.Value = v
		if smp.Ambiguous {
			p.Ambiguous++
		}
		p.Samples = append(p.Samples, smp)
	}
	if p.Period > 0 && p.Total > math.MaxInt64/int64(p.Period) {
		p.Period = 0 // nanoseconds would not fit
	}
	return p, nil
}

// sample splits one key into labels and frames.
func sample(r *collector.Row, names []string, sm *script.Map, version string) Sample {
	if r.Ambiguous {
		smp := ambiguous(r, names, sm, version)
		smp.Ambiguous = true
		return smp
	}
	var smp Sample
	var user []Frame
	for i, k := range r.Key {
		t := script.Type{}
		if i < len(sm.Keys) {
			t = sm.Keys[i].Type
		}
		switch {
		case k.Kind() == parser.KindFrames && t.Kind == script.TypeUserStack:
			user = append(user, frames(k.Frames(), t)...)
		case k.Kind() == parser.KindFrames:
			smp.Frames = append(smp.Frames, frames(k.Frames(), t)...)
		case i < len(names):
			smp.Labels = append(smp.Labels, Label{names[i], k})
		}
	}
	smp.Frames = append(smp.Frames, user...)
	if len(smp.Frames) == 0 {
		empty := emptyStack
		if !frameKeys.Holds(version) {
			empty = emptyOrLost
		}
		smp.Frames = []Frame{{Text: empty, Symbol: empty}}
	}
	return smp
}

// emptyStack stands where the kernel had no stack to give. Before 0.24 stacks
// stand in a map of their own, and one that bpftrace failed to store there, or to
// read back, prints as an empty one does.
const (
	emptyStack  = "[empty stack]"
	emptyOrLost = "[empty or lost stack]"
)

// frameKeys are the versions that keep the frames in the key itself.
var frameKeys, _ = versions.Parse(">=0.24")

// ambiguous reads a key of which only bpftrace's text is known. Mostly it lacks
// no more than spaces; one that cannot be cut into its parts is a single frame.
func ambiguous(r *collector.Row, names []string, sm *script.Map, version string) Sample {
	text := ""
	if len(r.Key) > 0 {
		text = r.Key[0].Text()
	}
	parts, ok := mapkey.Reading(version, sm.Keys, text)
	if ok {
		return sample(&collector.Row{Key: parts}, names, sm, version)
	}
	text = strings.Join(strings.Fields(text), " ")
	return Sample{Frames: []Frame{{Text: text, Symbol: text}, {Text: ambiguousKey, Symbol: ambiguousKey}}}
}

// ambiguousKey is the root frame of keys that cannot be told apart.
const ambiguousKey = "[ambiguous key]"

// sumType names what a sum() adds up: its expression, where it is one.
func sumType(sm *script.Map) string {
	expr := ""
	for _, a := range sm.Assigns {
		if len(a.Args) != 1 || expr != "" && expr != a.Args[0] {
			return "sum"
		}
		expr = a.Args[0]
	}
	if expr == "" || len(expr) > 60 {
		return "sum"
	}
	return strings.TrimPrefix(strings.TrimPrefix(expr, "args->"), "args.")
}
