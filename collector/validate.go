package collector

import (
	"context"
	"slices"

	"tracecar/collector/executor"
)

// Validation is bpftrace's verdict on a script, and what it would do.
type Validation struct {
	Valid bool `json:"valid"`
	// Refused: the caller's role does not allow it; bpftrace was not asked.
	Refused     bool         `json:"refused,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	// Probes lists each attach point as written with how many it matches.
	Probes []ProbeMatch `json:"probes"`
	Maps   []MapOutline `json:"maps"`
	// Functions are the functions called, each once, in order of appearance.
	Functions []string `json:"functions"`
}

// ProbeMatch is one attach point of a script.
type ProbeMatch struct {
	Probe string `json:"probe"`
	// Matches is how many attach points it matches; -1 where nobody can tell.
	Matches int `json:"matches"`
}

// MapOutline is what a script says about one map.
type MapOutline struct {
	Name string   `json:"name"`
	Kind string   `json:"kind"`
	Keys []string `json:"keys"`
}

// Validate has bpftrace check a script without attaching it: syntax, types,
// and that its probes exist. Where no verdict is reached the script is not
// valid, and a diagnostic says why.
func (r *Runner) Validate(ctx context.Context, s Script) *Validation {
	parsed, limits, refused := r.admit(ctx, &s, "")
	v := &Validation{Diagnostics: []Diagnostic{}, Probes: []ProbeMatch{}, Maps: []MapOutline{}, Functions: []string{}}
	if parsed == nil || refused != nil {
		v.Refused, v.Diagnostics = true, refusal(refused, s.Source)
		return v
	}
	for i := range parsed.Maps {
		m := &parsed.Maps[i]
		o := MapOutline{Name: m.Name, Kind: string(m.Kind), Keys: []string{}}
		if len(m.Keys) > 0 {
			o.Keys = keyNames(m)
		}
		v.Maps = append(v.Maps, o)
	}
	for _, c := range parsed.Calls {
		if !slices.Contains(v.Functions, c.Name) {
			v.Functions = append(v.Functions, c.Name)
		}
	}
	bt, err := r.bpftrace(ctx, s.Sudo, limits)
	if err != nil {
		v.Diagnostics = errorDiagnostics(err)
		return v
	}
	check, err := bt.Validate(ctx, executor.Job{Source: s.Source, Args: s.Args, Unsafe: s.Unsafe})
	if err != nil {
		v.Diagnostics = errorDiagnostics(err)
		return v
	}
	v.Valid = check.Valid
	v.Diagnostics = diagnosticsOf(check.Diagnostics)
	if !v.Valid && !hasError(v.Diagnostics) {
		v.Diagnostics = append(v.Diagnostics, Diagnostic{Severity: "error", Message: unexplained(check.Exit)})
	}
	m := matcher{bt: bt, role: r.role(s), script: parsed, valid: v.Valid, lists: map[string]listing{}}
	v.Probes = m.matches(ctx)
	bt.AddHints(ctx, m.missing)
	v.Diagnostics = append(v.Diagnostics, diagnosticsOf(m.missing)...)
	v.Valid = v.Valid && !hasError(v.Diagnostics)
	return v
}
