package text

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"tracecar/collector"
	"tracecar/parser"
)

// Brief gives a map in at most rows+1 lines, for a view of many maps at once:
// the largest rows first, a histogram as one line. Keyed maps of plain values,
// which most scripts use to remember things, are counted only.
func Brief(m *collector.Map, rows int) string {
	var b strings.Builder
	shown := m.Rows[max(0, len(m.Rows)-rows):]
	switch {
	case len(m.Rows) == 0:
		fmt.Fprintf(&b, "%s: empty\n", m.Name)
	case hasBars(m):
		briefBars(&b, m, shown)
	case isFolded(m):
		fmt.Fprintf(&b, "%s: %s\n", m.Name, Count(uint64(len(m.Rows)), "stack"))
		for i := len(shown) - 1; i >= 0; i-- {
			b.WriteString("  ")
			foldedRow(&b, shown[i])
		}
	case len(m.Keys) > 0 && m.Kind == "value":
		fmt.Fprintf(&b, "%s: %s by %s\n", m.Name, Count(uint64(len(m.Rows)), "value"), strings.Join(m.Keys, ", "))
	case len(m.Keys) == 0 && m.Rows[0].Value.Kind() != parser.KindPoints:
		fmt.Fprintf(&b, "%s %s\n", m.Name, Value(m.Rows[0].Value))
	default:
		part := *m
		part.Rows = shown
		if n := len(m.Rows) - len(shown); n > 0 {
			part.Name += fmt.Sprintf(" (%d of %d)", len(shown), len(m.Rows))
		}
		if len(shown) > 0 && shown[0].Value.Kind() == parser.KindPoints {
			part.Rows = newestPoints(shown)
		}
		table(&b, &part)
	}
	return b.String()
}

// newestPoints leaves each series its last point.
func newestPoints(rows []collector.Row) []collector.Row {
	out := make([]collector.Row, len(rows))
	for i, r := range rows {
		points := r.Value.Points()
		r.Value = parser.PointsOf(points[max(0, len(points)-1):])
		out[i] = r
	}
	return out
}

func briefBars(b *strings.Builder, m *collector.Map, shown []collector.Row) {
	if len(m.Keys) == 0 {
		fmt.Fprintf(b, "%s  %s\n", m.Name, spark(m.Rows[0].Value.Buckets()))
		return
	}
	fmt.Fprintf(b, "%s by %s", m.Name, strings.Join(m.Keys, ", "))
	if len(shown) < len(m.Rows) {
		fmt.Fprintf(b, " (%d of %d)", len(shown), len(m.Rows))
	}
	b.WriteString("\n")
	width := 0
	for _, r := range shown {
		width = max(width, utf8.RuneCountInString(keyText(r)))
	}
	for i := len(shown) - 1; i >= 0; i-- {
		key := keyText(shown[i])
		fmt.Fprintf(b, "  %s%s  %s\n", key, strings.Repeat(" ", width-utf8.RuneCountInString(key)), spark(shown[i].Value.Buckets()))
	}
}

// spark draws a histogram in one line, and says below what half and 99 % of
// its values lie: the ends of buckets, so these are exact.
func spark(buckets []parser.Bucket) string {
	first, last := 0, len(buckets)-1
	for first <= last && buckets[first].Count == 0 {
		first++
	}
	for last >= first && buckets[last].Count == 0 {
		last--
	}
	if first > last {
		return "empty"
	}
	var most, total uint64
	for _, k := range buckets {
		most = max(most, k.Count)
		total += k.Count
	}
	var bars strings.Builder
	for _, k := range buckets[first : last+1] {
		bars.WriteRune(level(k.Count, most))
	}
	low, high := buckets[first], buckets[last]
	from, to := "…", "…"
	if low.HasMin {
		from = strconv.FormatInt(low.Min, 10)
	}
	if high.HasMax {
		to = strconv.FormatInt(high.Max, 10)
	}
	return fmt.Sprintf("%s %s %s  %s, half %s, 99%% %s", from, bars.String(), to, Count(total, "value"),
		below(buckets, total, 50), below(buckets, total, 99))
}

// level is a bar of n out of most: none is a space, few is never none.
func level(n, most uint64) rune {
	if n == 0 {
		return ' '
	}
	hi, lo := bits.Mul64(n, 7)
	q, _ := bits.Div64(hi, lo, most) // n ≤ most: the quotient is at most 7
	return '▁' + rune(q)
}

// below tells the end of the bucket in which percent of the values are reached.
func below(buckets []parser.Bucket, total uint64, percent uint64) string {
	hi, lo := bits.Mul64(total, percent)
	need, rest := bits.Div64(hi, lo, 100)
	if rest > 0 {
		need++
	}
	var n uint64
	for _, k := range buckets {
		if n += k.Count; n < need || n == 0 {
			continue
		}
		if !k.HasMax {
			return "in the last, from " + strconv.FormatInt(k.Min, 10)
		}
		return "≤ " + strconv.FormatInt(k.Max, 10)
	}
	return "unknown"
}
