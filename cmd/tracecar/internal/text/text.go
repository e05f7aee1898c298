// Package text shows a Result to a person: aligned tables, histogram bars,
// folded stacks. In flows a collector.Result, out flows text; call Write.
package text

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"tracecar/collector"
	"tracecar/parser"
)

// Write writes res to w: what the script printed, its maps, then how it went.
// What a script prints can hold text that somebody else chose, so control
// characters that would drive a terminal are shown escaped.
func Write(w io.Writer, res *collector.Result) error {
	var b strings.Builder
	events(&b, res)
	for i := range res.Maps {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n\n") {
			b.WriteString("\n")
		}
		mapText(&b, &res.Maps[i])
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	summary(&b, res)
	_, err := io.WriteString(w, b.String())
	return err
}

func events(b *strings.Builder, res *collector.Result) {
	for i := range res.Events {
		Event(b, &res.Events[i])
	}
	if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
		b.WriteString("\n")
	}
	if n := res.Truncated.Events; n > 0 {
		fmt.Fprintf(b, "… %d more events were left out (--max-events)\n", n)
	}
}

// Event writes one event as bpftrace's own text output would.
func Event(b *strings.Builder, e *collector.Event) {
	switch {
	case e.Map != nil:
		mapText(b, e.Map)
	case e.Data.Kind() == parser.KindText:
		b.WriteString(Safe(e.Data.Text()))
		if e.Type == "value" || e.Type == "errorf" || e.Type == "warnf" || e.Type == "join" {
			b.WriteString("\n")
		}
	default:
		b.WriteString(Value(e.Data) + "\n")
	}
}

func summary(b *strings.Builder, res *collector.Result) {
	fmt.Fprintf(b, "%s", strings.ReplaceAll(string(res.Status), "_", " "))
	if res.ExitCode != 0 && !res.TimedOut && res.ExitCode != -1 {
		fmt.Fprintf(b, " (exit code %d)", res.ExitCode)
	}
	if res.DurationMS > 0 { // of a recording nothing is known
		fmt.Fprintf(b, " after %.1f s", float64(res.DurationMS)/1000)
	}
	if res.BpftraceVersion != "" {
		fmt.Fprintf(b, ", bpftrace %s", res.BpftraceVersion)
	}
	fmt.Fprintf(b, ", %s attached", Count(uint64(max(res.ProbesAttached, 0)), "probe"))
	if res.LostEvents > 0 {
		fmt.Fprintf(b, ", %s LOST in the kernel's buffer", Count(res.LostEvents, "event"))
	}
	if res.Truncated.Rows > 0 {
		fmt.Fprintf(b, ", %s left out (--max-rows)", Count(res.Truncated.Rows, "row"))
	}
	b.WriteString("\n")
	for _, d := range res.Diagnostics {
		if !d.Noise {
			b.WriteString(Diagnostic(d))
		}
	}
}

// Diagnostic gives the lines that show d: position, message, the source line
// with a mark under the column, and the hint.
func Diagnostic(d collector.Diagnostic) string {
	var b strings.Builder
	if d.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", d.Line, max(d.Column, 1))
	}
	fmt.Fprintf(&b, "%s: %s\n", d.Severity, Safe(d.Message))
	if d.Source != "" {
		src := strings.ReplaceAll(d.Source, "\t", " ")
		fmt.Fprintf(&b, "    %s\n", Safe(src))
		if d.Column > 0 && d.Column <= len(src)+1 {
			fmt.Fprintf(&b, "    %s^\n", strings.Repeat(" ", utf8.RuneCountInString(src[:d.Column-1])))
		}
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "    hint: %s\n", Safe(d.Hint))
	}
	return b.String()
}

// Count writes "1 event" and "2 events".
func Count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Safe escapes what would drive a terminal or is not valid UTF-8; newlines
// and tabs stay.
func Safe(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b.WriteString(s[i : i+n])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// line is Safe without newlines and tabs, for one cell of a table.
func line(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(Safe(s))
}

// Value shows a value on one line.
func Value(v parser.Value) string {
	switch v.Kind() {
	case parser.KindText:
		return line(v.Text())
	case parser.KindArray:
		parts := make([]string, 0, len(v.Elems()))
		for _, e := range v.Elems() {
			parts = append(parts, Value(e))
		}
		return "(" + strings.Join(parts, ", ") + ")"
	case parser.KindObject:
		parts := make([]string, 0, len(v.Fields()))
		for _, f := range v.Fields() {
			parts = append(parts, "."+line(f.Name)+" = "+Value(f.Value))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case parser.KindStats:
		s := v.Stats()
		return fmt.Sprintf("count %s, average %s, total %s", Value(s.Count), Value(s.Average), Value(s.Total))
	case parser.KindFrames:
		return folded(v.Frames())
	case parser.KindNone:
		return "-"
	}
	return strings.Trim(string(v.AppendJSON(nil)), `"`)
}

// folded is a stack as flame graph tools read it: outermost frame first,
// joined by semicolons.
func folded(frames []string) string {
	if len(frames) == 0 {
		return "[empty stack]"
	}
	parts := make([]string, len(frames))
	for i, f := range frames {
		parts[len(frames)-1-i] = strings.ReplaceAll(line(f), ";", ":")
	}
	return strings.Join(parts, ";")
}
