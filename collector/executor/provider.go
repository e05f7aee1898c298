package executor

import (
	"regexp"
	"slices"
	"strings"
)

// shortProviders are the abbreviations that bpftrace takes for probeTypes.
var shortProviders = strings.Fields("t k kr u ur p i h s w aw f fr it rt U")

func knownProvider(name string) bool {
	return slices.Contains(probeTypes, name) || slices.Contains(shortProviders, name)
}

const (
	// unnamedProvider is what 0.17 says before it aborts, of no place.
	unnamedProvider = "Invalid probe type made it to attachpoint parser"
	wrongProvider   = "Invalid probe type: " // what later versions say, with its name
)

var (
	// probeStart is a line, or what follows a body, that begins as a probe does.
	probeStart    = regexp.MustCompile(`(?:^|\})\s*([A-Za-z]\w*)\s*(?::[^:]|[{/])`)
	functionProbe = regexp.MustCompile(`\b(u(?:ret)?probe|usdt):(/[^\s:,{]+:(?:\w+:)?\w+)(?:[\s,{]|$)`)
)

// notProviders begin a line of a body, or a definition, as a probe begins.
var notProviders = strings.Fields("config do else enum fn for if let macro struct union unroll while")

// nameProvider puts the name and the place into an error of 0.17 that gives
// neither, where one word of the script alone can be meant.
func (p *diagnosticParser) nameProvider(d *Diagnostic) {
	if d.Message != unnamedProvider {
		return
	}
	var found *Diagnostic
	for n, line := range p.source {
		for _, m := range probeStart.FindAllStringSubmatchIndex(line, -1) {
			name := line[m[2]:m[3]]
			if knownProvider(name) || slices.Contains(notProviders, name) || slices.Contains(builtins, name) {
				continue
			}
			if found != nil {
				return
			}
			found = &Diagnostic{Severity: d.Severity, Message: wrongProvider + name,
				Line: n + 1, Column: m[2] + 1, EndLine: n + 1, EndColumn: m[3] + 1}
		}
	}
	if found != nil {
		*d = *found
	}
}

// onlyFunction gives the place of the one probe of a function of a program
// where bpftrace says only that there is nothing to attach: 0.17, of a function
// that the program does not have.
func (p *diagnosticParser) onlyFunction(d *Diagnostic) {
	var found Diagnostic
	for n, line := range p.source {
		for _, m := range functionProbe.FindAllStringSubmatchIndex(line, 2) {
			if found.Line != 0 {
				return
			}
			found = Diagnostic{Severity: d.Severity, Message: d.Message, Line: n + 1, Column: m[2] + 1, EndLine: n + 1, EndColumn: m[5] + 1}
		}
	}
	if found.Line != 0 {
		*d = found
	}
}

// wrongPattern is the error of a pattern to list whose provider no bpftrace
// knows, or nil: 0.17 does not name it, 0.27 just finds nothing.
func wrongPattern(pattern string) *Diagnostic {
	provider, _, ok := strings.Cut(pattern, ":")
	if !ok || !literalProbe.MatchString(provider) || knownProvider(provider) {
		return nil
	}
	return &Diagnostic{Severity: SeverityError, Message: wrongProvider + provider,
		Hint: didYouMean(Nearest(provider, probeTypes), "%s")}
}
