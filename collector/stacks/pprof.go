package stacks

import (
	"fmt"
	"io"

	"github.com/google/pprof/profile"
)

// WritePprof writes a gzipped profile.proto, as go tool pprof reads it. A
// function is a symbol, a location a frame as printed: its offset stands in
// the function's system name. The parts of a key are labels.
func (p *Profile) WritePprof(w io.Writer) error {
	b := builder{p: p.pprof(), locations: map[Frame]*profile.Location{}, mappings: map[string]*profile.Mapping{}}
	for i := range p.Samples {
		b.sample(&p.Samples[i], int64(p.Period))
	}
	if err := b.p.CheckValid(); err != nil {
		return fmt.Errorf("make a profile of %s: %w", p.Map, err)
	}
	return b.p.Write(w)
}

// pprof is the profile without its samples.
func (p *Profile) pprof() *profile.Profile {
	out := &profile.Profile{SampleType: []*profile.ValueType{{Type: p.Type, Unit: p.Unit}}}
	if p.Period > 0 {
		cpu := profile.ValueType{Type: "cpu", Unit: "nanoseconds"}
		out.SampleType = append(out.SampleType, &cpu)
		out.PeriodType, out.Period = &profile.ValueType{Type: cpu.Type, Unit: cpu.Unit}, int64(p.Period)
	}
	if !p.Start.IsZero() {
		out.TimeNanos = p.Start.UnixNano()
	}
	out.Comments = append(out.Comments, "map "+p.Map)
	if p.Ambiguous > 0 {
		out.Comments = append(out.Comments, fmt.Sprintf("%d samples have keys that could not be recovered exactly (label key:ambiguous)", p.Ambiguous))
	}
	if p.LeftOut > 0 {
		out.Comments = append(out.Comments, fmt.Sprintf("%d samples were left out by a limit on rows", p.LeftOut))
	}
	return out
}

type builder struct {
	p         *profile.Profile
	locations map[Frame]*profile.Location
	mappings  map[string]*profile.Mapping
}

func (b *builder) sample(s *Sample, period int64) {
	out := &profile.Sample{Value: []int64{s.Value}}
	if period > 0 {
		out.Value = append(out.Value, s.Value*period)
	}
	for _, f := range s.Frames {
		out.Location = append(out.Location, b.location(f))
	}
	for _, l := range s.Labels {
		if n, ok := l.Value.Int64(); ok {
			if out.NumLabel == nil {
				out.NumLabel = map[string][]int64{}
			}
			out.NumLabel[l.Name] = append(out.NumLabel[l.Name], n)
			continue
		}
		addLabel(out, l.Name, printable(l.text()))
	}
	if s.Ambiguous {
		addLabel(out, "key", "ambiguous")
	}
	b.p.Sample = append(b.p.Sample, out)
}

func addLabel(s *profile.Sample, name, value string) {
	if s.Label == nil {
		s.Label = map[string][]string{}
	}
	s.Label[name] = append(s.Label[name], value)
}

func (b *builder) location(f Frame) *profile.Location {
	if l := b.locations[f]; l != nil {
		return l
	}
	fn := &profile.Function{ID: uint64(len(b.p.Function)) + 1, Name: printable(f.Symbol), SystemName: printable(f.Text)}
	if f.Kernel {
		fn.Filename = "[kernel]" // tells its read() from a user's
	}
	b.p.Function = append(b.p.Function, fn)
	l := &profile.Location{
		ID: uint64(len(b.p.Location)) + 1, Address: f.Address, Mapping: b.mapping(f), Line: []profile.Line{{Function: fn}},
	}
	b.p.Location = append(b.p.Location, l)
	b.locations[f] = l
	return l
}

// mapping names the file that a frame is of, nil where nothing tells. Frames
// have their symbols: pprof need not look for any.
func (b *builder) mapping(f Frame) *profile.Mapping {
	if f.Module == "" {
		return nil
	}
	m := b.mappings[f.Module]
	if m == nil {
		m = &profile.Mapping{ID: uint64(len(b.p.Mapping)) + 1, File: printable(f.Module), HasFunctions: true}
		b.p.Mapping = append(b.p.Mapping, m)
		b.mappings[f.Module] = m
	}
	return m
}
