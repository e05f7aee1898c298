package collector

import (
	"errors"
	"strings"

	"tracecar/collector/executor"
)

// diagnosticsOf takes over what bpftrace said beside its JSON.
func diagnosticsOf(ds []executor.Diagnostic) []Diagnostic {
	out := make([]Diagnostic, 0, len(ds))
	for _, d := range ds {
		out = append(out, Diagnostic{
			Severity: string(d.Severity), Message: d.Message, Line: d.Line, Column: d.Column,
			Source: d.Source, Hint: d.Hint, Noise: d.Noise,
		})
	}
	return out
}

// errorDiagnostics words an error of ours: nothing was run.
func errorDiagnostics(err error) []Diagnostic {
	d := Diagnostic{Severity: "error", Message: err.Error()}
	if missing, ok := errors.AsType[*executor.NotFoundError](err); ok && missing.Install != "" {
		d.Hint = missing.Install
	}
	return []Diagnostic{d}
}

func hasError(ds []Diagnostic) bool {
	for _, d := range ds {
		if d.Severity == "error" && !d.Noise {
			return true
		}
	}
	return false
}

// unexplained words a failure of which bpftrace printed nothing that reads as
// an error: what it did print, cut short.
func unexplained(e *executor.Exit) string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		said = strings.TrimSpace(e.Stdout)
	}
	if len(said) > 500 {
		said = said[:500] + "…"
	}
	if said == "" {
		return "bpftrace failed without a word: " + e.String()
	}
	return "bpftrace failed (" + e.String() + "): " + said
}
