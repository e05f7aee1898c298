package collector

import (
	"fmt"
	"slices"
	"strings"

	"tracecar/collector/kernelmap"
	"tracecar/collector/mapkey"
	"tracecar/parser"
	"tracecar/parser/script"
)

// mapPrint is one print of one map.
type mapPrint struct {
	typ   parser.Type
	state *parser.MapState
}

// mapStates tells the maps that bpftrace prints at its end from those that
// the script prints itself. The messages are the same and nothing marks the
// end; but at the end each map comes once, sorted by name, and nothing else
// comes after. So the newest prints wait here while they may be that end.
type mapStates struct {
	waiting []mapPrint
	last    map[string]mapPrint
	// final names the maps that bpftrace printed at its end: the kernel's copy
	// read after it shows the same state.
	final map[string]bool
}

// add takes a print and returns those that are now known to be the script's own.
func (m *mapStates) add(p mapPrint) (events []mapPrint) {
	if n := len(m.waiting); n > 0 && m.waiting[n-1].state.Name >= p.state.Name {
		events = m.flush()
	}
	m.waiting = append(m.waiting, p)
	if m.last == nil {
		m.last = map[string]mapPrint{}
	}
	m.last[p.state.Name] = p
	return events
}

// flush returns all waiting prints: something came after them.
func (m *mapStates) flush() []mapPrint {
	events := m.waiting
	m.waiting = nil
	return events
}

// names returns the maps printed so far, sorted.
func (m *mapStates) names() []string {
	names := make([]string, 0, len(m.last))
	for name := range m.last {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// mapState takes a print of a map.
func (f *fold) mapState(rec *parser.Record) {
	if rec.Map.Cut {
		f.problems.add(Diagnostic{Severity: "warning", Message: fmt.Sprintf(
			"the print of %s was cut off: its last rows are missing", rec.Map.Name)})
	}
	f.mapEvents(f.maps.add(mapPrint{typ: rec.Type, state: rec.Map}))
}

// mapEvents turns the script's own prints into events.
func (f *fold) mapEvents(prints []mapPrint) {
	if f.ownPrints {
		return // all but the last are snapshots
	}
	for _, p := range prints {
		if !f.log.wants() {
			f.log.skip()
			continue
		}
		m, left := f.buildMap(p, nil)
		f.rowsLeftOut += left
		f.log.add(Event{Type: p.typ.String(), Map: &m})
	}
}

// finish decides, when the stream has ended, which waiting prints are
// bpftrace's last ones. ended says that bpftrace came to print them: it was
// not killed.
func (f *fold) finish(tables *kernelmap.Tables, ended bool) {
	for _, p := range f.maps.flush() {
		if !ended && f.mayPrint(p.state.Name) || f.printedByScript(p.state, tables) {
			f.mapEvents([]mapPrint{p})
			continue
		}
		if f.maps.final == nil {
			f.maps.final = map[string]bool{}
		}
		f.maps.final[p.state.Name] = true
	}
	f.upgradeEvents(tables)
}

// printedByScript tells whether a print among the last is the script's own:
// the script prints this map, and at the end there was nothing of it to print.
func (f *fold) printedByScript(state *parser.MapState, tables *kernelmap.Tables) bool {
	if f.script == nil || !f.prints(state.Name) {
		return false
	}
	for _, c := range f.script.Config {
		if strings.TrimPrefix(strings.ToLower(c.Name), "bpftrace_") == "print_maps_on_exit" && (c.Value == "0" || c.Value == "false") {
			return true
		}
	}
	t := table(tables, state.Name)
	return t != nil && !t.Truncated && t.Rows.Len() == 0 && len(state.Rows) > 0
}

// prints tells whether the script prints the whole map itself.
func (f *fold) prints(name string) bool {
	for _, o := range f.script.Outputs {
		if o.Name == "print" && len(o.Args) > 0 && o.Args[0] == name {
			return true
		}
	}
	return false
}

// mayPrint tells whether the script may print a map, or an element of it: a
// bpftrace that dies while it prints its last maps must not make events of them.
func (f *fold) mayPrint(name string) bool {
	s := f.script
	if s == nil || len(s.Macros)+len(s.Directives)+len(s.Imports) > 0 {
		return true
	}
	return slices.ContainsFunc(s.Outputs, func(o script.Output) bool {
		return o.Name == "print" && len(o.Args) > 0 && strings.Contains(o.Args[0], name)
	})
}

// upgradeEvents gives rows of intermediate prints the keys that only the
// kernel's last state tells, where keys were never removed in between.
func (f *fold) upgradeEvents(tables *kernelmap.Tables) {
	for i := range f.log.kept {
		if ev := f.log.at(i).ev; ev != nil && ev.Map != nil {
			m := *ev.Map // readers of the live Result hold the old one
			m.Rows = slices.Clone(m.Rows)
			f.upgradeRows(&m, table(tables, m.Name))
			ev.Map = &m
		}
	}
}

// upgradeRows resolves rows that were printed earlier than t was read, where
// no key can have gone in between.
func (f *fold) upgradeRows(m *Map, t *kernelmap.Table) {
	if t == nil || f.removesKeys(m.Name) {
		return
	}
	var rows []parser.Row
	var at []int
	for i, r := range m.Rows {
		if r.Ambiguous {
			rows, at = append(rows, parser.Row{Key: r.Key[0].Text(), Value: r.Value}), append(at, i)
		}
	}
	src := f.source(m.Name, t)
	src.Later = true
	for i, k := range mapkey.Resolve(src, rows) {
		m.Rows[at[i]].Key, m.Rows[at[i]].Ambiguous = k.Parts, k.Ambiguous
	}
}

// removesKeys tells whether the script may take keys out of a map.
func (f *fold) removesKeys(name string) bool {
	if f.script == nil {
		return true
	}
	for _, c := range f.script.Calls {
		switch c.Name {
		case "clear", "delete", "zero":
			if len(c.Args) > 0 && (c.Args[0] == name || strings.HasPrefix(c.Args[0], name+"[") || strings.HasPrefix(c.Args[0], name+" ")) {
				return true
			}
		case "lruhash", "percpulruhash":
			return true
		}
	}
	return len(f.script.Macros)+len(f.script.Directives)+len(f.script.Imports) > 0
}

// table returns the kernel's copy of a map, nil where there is none.
func table(tables *kernelmap.Tables, name string) *kernelmap.Table {
	if tables == nil {
		return nil
	}
	for i := range tables.Maps {
		if tables.Maps[i].Name == name {
			return &tables.Maps[i]
		}
	}
	return nil
}
