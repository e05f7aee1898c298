package collector

import (
	"fmt"

	"tracecar/collector/kernelmap"
	"tracecar/parser"
)

// maxProblems bounds how many different problems of one run are kept as
// diagnostics; beyond it they are counted in the last one.
const maxProblems = 100

// fold turns the records of one run into the state its Result shows. It is
// not safe for concurrent use; Run guards it.
type fold struct {
	Translator

	log         eventLog
	maps        mapStates
	attached    int64
	lost        uint64
	rowsLeftOut uint64
	problems    problems
	// helperErrors counts what bpftrace said of failing helpers: a full map
	// says it at every update, without end.
	helperErrors uint64
	records      int64
	// collecting is set while a snapshot is being printed.
	collecting *collecting
	// ownPrints: the script prints no map itself, so each print but the last is
	// of a snapshot (before 0.22).
	ownPrints bool
	// ownProbes is how many attach points tracecar itself added.
	ownProbes int64
}

// record takes one record, only read during the call. It is false for one
// that belongs to a snapshot.
func (f *fold) record(rec *parser.Record) bool {
	if c := f.collecting; c != nil && c.record(rec) {
		if c.way == printsItself {
			// It may be bpftrace's last print: nothing tells. prepareSignal
			// made sure that it is none of the script's.
			f.mapState(rec)
		}
		return false
	}
	f.records++
	if rec.Truncated > 0 {
		f.problems.add(Diagnostic{Severity: "warning", Message: fmt.Sprintf(
			"a line of bpftrace's output was longer than the line limit: %d bytes of it were left out", rec.Truncated)})
	}
	switch rec.Type {
	case parser.TypeAttachedProbes:
		f.attached = int64(rec.Count) - f.ownProbes
	case parser.TypeLostEvents:
		f.lost += rec.Count
	case parser.TypeMap, parser.TypeHist, parser.TypeStats, parser.TypeTSeries:
		f.mapState(rec)
	case parser.TypeHelperError:
		f.helperErrors++
		f.problems.add(ProblemDiagnostic(rec))
	case parser.TypeRuntimeError:
		f.problems.add(ProblemDiagnostic(rec))
	case parser.TypeMalformed, parser.TypeUnknown:
		f.problems.add(malformed(rec))
	default:
		f.mapEvents(f.maps.flush())
		if !f.log.wants() {
			f.log.skip()
			return true
		}
		// A printf is kept without its fields. Taking text apart costs more than
		// reading it, and of a flood few lines are ever looked at.
		switch {
		case rec.Bytes != nil:
			f.log.addBytes(rec.Bytes)
		case rec.Type == parser.TypePrintf:
			f.log.addText(rec.Text)
		default:
			ev, _ := f.Event(rec)
			f.log.add(ev)
		}
	}
	return true
}

// result gives the state of the fold, without events; tables are the kernel's
// maps at this time, or nil.
func (f *fold) result(tables *kernelmap.Tables) *Result {
	res := &Result{
		ProbesAttached: f.attached,
		LostEvents:     f.lost,
		Events:         []Event{},
		Maps:           []Map{},
		Diagnostics:    append(f.problems.diagnostics(), f.fullMaps(tables)...),
		Truncated:      Truncated{Rows: f.rowsLeftOut},
	}
	for _, name := range f.maps.names() {
		t := table(tables, name)
		same := t
		if !f.maps.final[name] {
			same = nil // the kernel has moved on since
		}
		m, left := f.buildMap(f.maps.last[name], same)
		if same == nil {
			f.upgradeRows(&m, t)
		}
		res.Maps = append(res.Maps, m)
		res.Truncated.Rows += left
	}
	return res
}
