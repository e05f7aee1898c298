package config

import (
	"reflect"
	"slices"
	"strings"
)

// otherWords are what other programs call a key.
var otherWords = map[string]string{
	"cron": "schedule", "crontab": "schedule", "period": "every", "window": "duration", "timeout": "duration",
	"code": "script", "program": "script", "source": "script", "path": "file", "params": "args", "parameters": "args",
	"labels": "attributes", "tags": "attributes", "help": "description", "scrape_interval": "interval",
	"url": "endpoint", "address": "listen", "bind": "listen", "port": "listen", "logging": "log", "format": "printf",
	"enable": "enabled", "disabled": "enabled", "tracing": "traces", "spans": "traces", "scripts": "probes", "jobs": "probes",
}

// suggest says which key was meant by one that is not known: a neighbour
// spelled nearly so, or the same key in another section.
func suggest(t reflect.Type, path, key string) string {
	var names []string
	for _, f := range fieldsOf(t) {
		names = append(names, f.name)
	}
	if other := otherWords[plain(key)]; slices.Contains(names, other) {
		return "did you mean " + other + "?"
	}
	if near := nearest(key, names); near != "" {
		return "did you mean " + near + "?"
	}
	// The shortest path that is not in a list, if it is the only one.
	best, depth, others := "", 0, 0
	eachKey(reflect.TypeFor[Config](), "", func(p string, f field) {
		d := strings.Count(p, ".")
		switch {
		case f.name != plain(key), p == join(path, f.name), strings.ContainsAny(p, "[{"), best != "" && d > depth:
		case best != "" && d == depth:
			others++
		default:
			best, depth, others = p, d, 0
		}
	})
	if best != "" && others == 0 {
		return "did you mean " + best + "?"
	}
	if len(names) <= 12 {
		return "known are " + strings.Join(names, ", ")
	}
	return ""
}

// eachKey visits every key, sections before what is in them; elements of
// lists and maps are written probes[] and roles{}.
func eachKey(t reflect.Type, path string, visit func(path string, f field)) {
	for _, f := range fieldsOf(t) {
		p := join(path, f.name)
		visit(p, f)
		switch {
		case isSection(f.typ):
			eachKey(f.typ, p, visit)
		case f.typ.Kind() == reflect.Slice && isSection(f.typ.Elem()):
			eachKey(f.typ.Elem(), p+"[]", visit)
		case f.typ.Kind() == reflect.Map && isSection(f.typ.Elem()):
			eachKey(f.typ.Elem(), p+"{}", visit)
		}
	}
}

// plain takes maxRuns and max-runs for max_runs.
func plain(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case r == '-':
			b.WriteByte('_')
		case r >= 'A' && r <= 'Z':
			if i > 0 && key[i-1] >= 'a' && key[i-1] <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// nearest finds the word that differs least, if it differs little.
func nearest(word string, known []string) string {
	word = plain(word)
	if len(word) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if d := distance(word, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
