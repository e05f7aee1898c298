package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tracecar/collector"
	"tracecar/parser"
)

func mapText(b *strings.Builder, m *collector.Map) {
	switch {
	case len(m.Rows) == 0:
		fmt.Fprintf(b, "%s: empty\n", m.Name)
	case hasBars(m):
		bars(b, m)
	case isFolded(m):
		fmt.Fprintf(b, "%s (folded stacks)\n", m.Name)
		for i := len(m.Rows) - 1; i >= 0; i-- {
			foldedRow(b, m.Rows[i])
		}
	case len(m.Keys) == 0 && m.Rows[0].Value.Kind() != parser.KindPoints:
		fmt.Fprintf(b, "%s %s\n", m.Name, Value(m.Rows[0].Value))
	default:
		table(b, m)
	}
}

func hasBars(m *collector.Map) bool {
	for _, r := range m.Rows {
		if r.Value.Kind() == parser.KindBuckets {
			return true
		}
	}
	return false
}

// isFolded tells whether the map counts stacks.
func isFolded(m *collector.Map) bool {
	for _, r := range m.Rows {
		for _, k := range r.Key {
			if k.Kind() == parser.KindFrames {
				return true
			}
		}
	}
	return false
}

// foldedRow writes "part;outer;inner 12": the other parts of the key stand
// first, as flame graph tools have it.
func foldedRow(b *strings.Builder, r collector.Row) {
	var head, stacks []string
	for _, k := range r.Key {
		if k.Kind() == parser.KindFrames {
			stacks = append(stacks, folded(k.Frames()))
		} else {
			head = append(head, strings.ReplaceAll(Value(k), ";", ":"))
		}
	}
	fmt.Fprintf(b, "%s %s\n", strings.Join(append(head, stacks...), ";"), Value(r.Value))
}

// bars draws one histogram per row, largest last as bpftrace has them.
func bars(b *strings.Builder, m *collector.Map) {
	const width = 40
	for _, r := range m.Rows {
		fmt.Fprintf(b, "%s%s\n", m.Name, keyText(r))
		buckets := r.Value.Buckets()
		var most uint64
		left, right := 0, 0
		for _, k := range buckets {
			most = max(most, k.Count)
			left = max(left, utf8.RuneCountInString(rangeText(k)))
			right = max(right, len(strconv.FormatUint(k.Count, 10)))
		}
		for _, k := range buckets {
			n := 0
			if most > 0 {
				n = int(math.Round(float64(k.Count) / float64(most) * width))
			}
			fmt.Fprintf(b, "  %s  %*d |%s%s|\n", padLeft(rangeText(k), left), right, k.Count, strings.Repeat("█", n), strings.Repeat(" ", width-n))
		}
		if len(buckets) == 0 {
			b.WriteString("  empty\n")
		}
	}
}

func rangeText(k parser.Bucket) string {
	switch {
	case !k.HasMin:
		return "≤ " + strconv.FormatInt(k.Max, 10)
	case !k.HasMax:
		return "≥ " + strconv.FormatInt(k.Min, 10)
	case k.Min == k.Max:
		return strconv.FormatInt(k.Min, 10)
	}
	return strconv.FormatInt(k.Min, 10) + " – " + strconv.FormatInt(k.Max, 10)
}

func keyText(r collector.Row) string {
	if r.Key == nil {
		return ""
	}
	parts := make([]string, len(r.Key))
	for i, k := range r.Key {
		parts[i] = Value(k)
	}
	mark := ""
	if r.Ambiguous {
		mark = " (ambiguous key)"
	}
	return "[" + strings.Join(parts, ", ") + "]" + mark
}

// table writes a map as columns: the parts of the key, then the value; the
// largest first.
func table(b *strings.Builder, m *collector.Map) {
	head := append([]string{}, m.Keys...)
	stats := len(m.Rows) > 0 && m.Rows[0].Value.Kind() == parser.KindStats
	points := len(m.Rows) > 0 && m.Rows[0].Value.Kind() == parser.KindPoints
	switch {
	case stats:
		head = append(head, "count", "average", "total")
	case points:
		head = append(head, "time", "value")
	default:
		head = append(head, m.Kind)
	}
	var rows [][]string
	for i := len(m.Rows) - 1; i >= 0; i-- {
		r := m.Rows[i]
		cells := make([]string, len(m.Keys))
		for j := range r.Key {
			if j < len(cells) {
				cells[j] = Value(r.Key[j])
			}
		}
		if r.Ambiguous && len(cells) > 0 {
			cells[0] += " (ambiguous)"
		}
		switch {
		case r.Value.Kind() == parser.KindStats:
			s := r.Value.Stats()
			rows = append(rows, append(cells, Value(s.Count), Value(s.Average), Value(s.Total)))
		case r.Value.Kind() == parser.KindPoints:
			for _, p := range r.Value.Points() {
				at := time.Unix(0, p.UnixNano).UTC().Format("2006-01-02 15:04:05.000")
				rows = append(rows, append(append([]string{}, cells...), at, Value(p.Value)))
			}
		default:
			rows = append(rows, append(cells, Value(r.Value)))
		}
	}
	fmt.Fprintf(b, "%s\n", m.Name)
	columns(b, head, rows)
}

// columns aligns: numbers right, all else left.
func columns(b *strings.Builder, head []string, rows [][]string) {
	width := make([]int, len(head))
	right := make([]bool, len(head))
	for i, h := range head {
		width[i] = utf8.RuneCountInString(h)
		right[i] = len(rows) > 0
		for _, r := range rows {
			width[i] = max(width[i], utf8.RuneCountInString(r[i]))
			right[i] = right[i] && isNumber(r[i])
		}
	}
	row := func(cells []string) {
		for i, c := range cells {
			b.WriteString("  ")
			switch {
			case right[i]:
				b.WriteString(padLeft(c, width[i]))
			case i == len(cells)-1:
				b.WriteString(c)
			default:
				b.WriteString(c + strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)))
			}
		}
		b.WriteString("\n")
	}
	row(head)
	for _, r := range rows {
		row(r)
	}
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s))) + s
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
