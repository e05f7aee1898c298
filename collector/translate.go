package collector

import (
	"tracecar/collector/kernelmap"
	"tracecar/collector/mapkey"
	"tracecar/parser"
	"tracecar/parser/script"
)

// Translator gives records the shape and the types that a Result has, by what
// the script says.
type Translator struct {
	script  *script.Script
	dialect mapkey.Dialect
	maxRows int // 0: all
}

// NewTranslator returns a Translator for what one version of bpftrace prints
// of one script. A nil script and an empty version are allowed: more is then
// unknown or ambiguous. maxRows bounds the rows of one map; 0 is no bound.
func NewTranslator(s *script.Script, version string, maxRows int) Translator {
	return Translator{script: s, dialect: mapkey.DialectOf(version), maxRows: maxRows}
}

// Event translates what the script printed. ok is false for records that are
// not the script's output: attached probes, lost events, failed helpers,
// malformed lines.
func (t *Translator) Event(rec *parser.Record) (ev Event, ok bool) {
	ev.Type = rec.Type.String()
	switch rec.Type {
	case parser.TypePrintf:
		ev.Data = parser.Text(rec.Text)
		t.tellFields(&ev)
	case parser.TypeTime, parser.TypeCat, parser.TypeJoin, parser.TypeSyscall:
		ev.Data = parser.Text(rec.Text)
	case parser.TypeValue, parser.TypeTestResult, parser.TypeBenchmark:
		ev.Data = rec.Value
	case parser.TypeErrorf, parser.TypeWarnf:
		ev.Data = parser.Text(rec.Problem.Message)
	case parser.TypeMap, parser.TypeHist, parser.TypeStats, parser.TypeTSeries:
		m, _ := t.buildMap(mapPrint{typ: rec.Type, state: rec.Map}, nil)
		ev.Map = &m
	default:
		return Event{}, false
	}
	return ev, true
}

// tell gives events out of a log the fields of their printfs.
func (t *Translator) tell(events []Event) {
	for i := range events {
		if ev := &events[i]; ev.Type == parser.TypePrintf.String() {
			t.tellFields(ev)
		}
	}
}

// tellFields gives a printf the arguments that its text tells.
func (t *Translator) tellFields(ev *Event) {
	ev.Fields, ev.Inexact = t.printfFields(ev.Data.Text())
}

// printfFields recovers the arguments of a printf where the script's formats
// leave no doubt, and names those of which the printed text does not tell all.
func (t *Translator) printfFields(text string) (fields []parser.Field, inexact []string) {
	if t.script == nil {
		return nil, nil
	}
	_, args, ok := script.MatchOutputs(t.script.Outputs, text)
	if !ok || len(args) == 0 {
		return nil, nil
	}
	fields = make([]parser.Field, 0, len(args))
	for _, a := range args {
		v := parser.Text(a.Text)
		switch {
		case a.IsInt && a.Unsigned:
			v = parser.Uint(uint64(a.Int))
		case a.IsInt:
			v = parser.Int(a.Int)
		}
		fields = append(fields, parser.Field{Name: a.Name, Value: v})
		if a.Inexact {
			inexact = append(inexact, a.Name)
		}
	}
	return fields, inexact
}

// source says what is known about the keys of a map.
func (t *Translator) source(name string, kernel *kernelmap.Table) mapkey.Source {
	src := mapkey.Source{Dialect: t.dialect, Kernel: kernel}
	if m := t.scriptMap(name); m != nil {
		src.Parts, src.Unclear = m.Keys, m.KeyUnclear
	}
	return src
}

func (t *Translator) scriptMap(name string) *script.Map {
	if t.script == nil {
		return nil
	}
	return t.script.Map(name)
}
