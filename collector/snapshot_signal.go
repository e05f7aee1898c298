package collector

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"tracecar/parser/script"
)

// ownPrint is why a map that a script prints while it runs is not printed at a
// signal too. Its print on another CPU can come between the marks of a snapshot,
// and nothing tells the two apart: one may show but the largest rows.
const ownPrint = "the script prints it while it runs, and nothing tells its prints from those of a snapshot"

// ownPrints names the maps of s that it prints while it runs. BEGIN and END
// come before and after all snapshots.
func ownPrints(s *script.Script) map[string]string {
	own := map[string]string{}
	all := len(s.Imports) > 0 // these may print
	if len(s.Unclear) > 0 {
		for _, c := range s.Calls {
			all = all || c.Name == "print"
		}
	}
	for _, d := range s.Directives {
		all = all || strings.Contains(d.Text, "print")
	}
	for _, o := range s.Outputs {
		if o.Name != "print" || len(o.Args) == 0 || !strings.HasPrefix(o.Args[0], "@") || strings.Contains(o.Args[0], "[") {
			continue // an element is printed as a value
		}
		switch p := probeAround(s, o.Start.Offset); {
		case p == nil: // a macro's or function's: its name may stand for another
			all = true
		case !onlyBeginOrEnd(p):
			own[o.Args[0]] = ownPrint
		}
	}
	for i := range s.Maps {
		if all {
			own[s.Maps[i].Name] = ownPrint
		}
	}
	return own
}

// ownPrintEarly is why no map of a script that prints one is printed at a signal
// by bpftrace before 0.22, which prints all of them and no marks.
const ownPrintEarly = "the script prints maps itself, and before bpftrace 0.22 nothing tells its prints from those of a snapshot"

// unaskedEarly names all maps, for ownPrintEarly.
func unaskedEarly(s *script.Script) map[string]string {
	all := map[string]string{}
	for i := range s.Maps {
		all[s.Maps[i].Name] = ownPrintEarly
	}
	return all
}

func probeAround(s *script.Script, offset int) *script.Probe {
	for i := range s.Probes {
		if p := &s.Probes[i]; p.Body.Start.Offset <= offset && offset < p.Body.End.Offset {
			return p
		}
	}
	return nil
}

func onlyBeginOrEnd(p *script.Probe) bool {
	return len(p.AttachPoints) > 0 && !slices.ContainsFunc(p.AttachPoints, func(ap script.AttachPoint) bool {
		return ap.Provider != "BEGIN" && ap.Provider != "END"
	})
}

// signalProbe is the probe that has bpftrace 0.22 and later print a script's
// maps between two marks, but for the unasked; "" where there is nothing to
// print.
func signalProbe(s *script.Script, mark string, unasked map[string]string) string {
	var b strings.Builder
	for i := range s.Maps {
		if m := &s.Maps[i]; len(m.Assigns) > 0 && unasked[m.Name] == "" {
			fmt.Fprintf(&b, " print(%s);", m.Name)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\nself:signal:SIGUSR1 { printf(\"%s<\");%s printf(\"%s>\"); }\n", mark, b.String(), mark)
}

// newMark is text that no script prints by chance, or can know.
func newMark() string { return "tracecar-" + rand.Text() }
