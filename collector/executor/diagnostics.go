package executor

// Severity of a Diagnostic.
type Severity string

const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Diagnostic is one thing bpftrace said about a script or a run. An error
// does not mean that the run failed; its exit code tells.
type Diagnostic struct {
	Severity                         Severity
	Message                          string
	Line, Column, EndLine, EndColumn int
	Source, Hint                     string
	Noise                            bool
}

// ParseDiagnostics TODO
func ParseDiagnostics(text, source string) []Diagnostic { return nil }
