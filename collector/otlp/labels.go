package otlp

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"tracecar/collector"
	"tracecar/collector/otlp/decode"
	"tracecar/parser"
)

// Attributes of tracecar's own on data points. Scope attributes would be lost
// in Prometheus.
const (
	attrProbe     = "tracecar.probe"
	attrScript    = "tracecar.script"
	attrSlot      = "tracecar.run.slot"
	attrMap       = "tracecar.map"
	attrKey       = "bpftrace.key"
	attrAmbiguous = "tracecar.ambiguous"
	attrOverflow  = "otel.metric.overflow"
)

// labels makes the attributes of a map's rows.
type labels struct {
	base     []attribute.KeyValue
	names    []string
	decoders []decode.Decoder // nil where the value stays as it is
}

// newLabels names the parts of a key: as declared, else as the script does.
func newLabels(base []attribute.KeyValue, m *collector.Map, decl *Metric, made map[string]decode.Decoder) *labels {
	l := &labels{base: base}
	taken := map[string]bool{}
	for _, kv := range base {
		taken[string(kv.Key)] = true
	}
	for i, name := range m.Keys {
		if i < len(decl.Attributes) {
			name = decl.Attributes[i]
		}
		name = labelName(name, taken)
		l.names = append(l.names, name)
		l.decoders = append(l.decoders, made[name])
	}
	return l
}

// labelName makes a name that no other part has and that Prometheus does not
// keep for itself.
func labelName(name string, taken map[string]bool) string {
	name = text(name)
	switch name {
	case "", "le", "quantile", "job", "instance":
		name = "key_" + name
	}
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", name, n)
	}
	taken[unique] = true
	return unique
}

// set gives the attributes of one row.
func (l *labels) set(r *collector.Row) attribute.Set {
	kvs := make([]attribute.KeyValue, 0, len(l.base)+len(r.Key)+1)
	kvs = append(kvs, l.base...)
	if r.Ambiguous {
		for _, p := range r.Key {
			kvs = appendText(kvs, attrKey, p.Text())
		}
		kvs = append(kvs, attribute.Bool(attrAmbiguous, true))
		return attribute.NewSet(kvs...)
	}
	for i, p := range r.Key {
		name := fmt.Sprintf("key%d", i)
		if i < len(l.names) {
			name = l.names[i]
			if d := l.decoders[i]; d != nil {
				p = d.Decode(p)
			}
		}
		kvs = appendValue(kvs, name, p)
	}
	return attribute.NewSet(kvs...)
}

func (l *labels) overflow() attribute.Set {
	return attribute.NewSet(append(l.base[:len(l.base):len(l.base)], attribute.Bool(attrOverflow, true))...)
}

// appendValue adds an attribute: numbers stay numbers, what has parts becomes
// its JSON.
func appendValue(kvs []attribute.KeyValue, name string, v parser.Value) []attribute.KeyValue {
	switch v.Kind() {
	case parser.KindInt:
		n, _ := v.Int64()
		return append(kvs, attribute.Int64(name, n))
	case parser.KindBool:
		return append(kvs, attribute.Bool(name, v.Bool()))
	case parser.KindFloat:
		f, _ := v.Float64()
		return append(kvs, attribute.Float64(name, f))
	case parser.KindText:
		return appendText(kvs, name, v.Text())
	case parser.KindNone:
		return append(kvs, attribute.String(name, ""))
	case parser.KindFrames:
		return appendText(kvs, name, strings.Join(v.Frames(), "\n"))
	default:
		return appendText(kvs, name, strings.Trim(string(v.AppendJSON(nil)), `"`))
	}
}

// appendText adds text, and where it is not valid UTF-8 its bytes beside it:
// one invalid string would lose a whole batch, and two of them may look alike.
func appendText(kvs []attribute.KeyValue, name, s string) []attribute.KeyValue {
	if utf8.ValidString(s) {
		return append(kvs, attribute.String(name, s))
	}
	return append(kvs, attribute.String(name, text(s)),
		attribute.String(name+".base64", base64.StdEncoding.EncodeToString([]byte(s))))
}

// text is s with U+FFFD for each byte that is not UTF-8.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // ranging gives U+FFFD for each bad byte
		b.WriteRune(r)
	}
	return b.String()
}
