package decode

import (
	"fmt"
	"regexp"
	"strings"

	"tracecar/parser"
)

// trimmed drops what follows a NUL, and white space around.
func trimmed(v parser.Value) parser.Value {
	if v.Kind() != parser.KindText {
		return v
	}
	s, _, _ := strings.Cut(v.Text(), "\x00")
	return parser.Text(strings.TrimSpace(s))
}

// newStaticMap maps values to names: "0=read,1=write".
func newStaticMap(arg string) (Decoder, error) {
	names := map[string]string{}
	for pair := range strings.SplitSeq(arg, ",") {
		from, to, ok := strings.Cut(pair, "=")
		from = strings.TrimSpace(from)
		if _, twice := names[from]; !ok || twice {
			return nil, fmt.Errorf("static_map wants from=to pairs, each once, got %q", pair)
		}
		names[from] = strings.TrimSpace(to)
	}
	return Func(func(v parser.Value) parser.Value {
		if to, ok := names[plainText(v)]; ok {
			return parser.Text(to)
		}
		return v
	}), nil
}

// newRegexp keeps what an expression matches: its first group where it has
// one. What does not match stays whole.
func newRegexp(arg string) (Decoder, error) {
	re, err := regexp.Compile(arg)
	if err != nil {
		return nil, fmt.Errorf("regexp: %w", err)
	}
	return Func(func(v parser.Value) parser.Value {
		m := re.FindStringSubmatch(plainText(v))
		switch {
		case m == nil:
			return v
		case len(m) > 1:
			return parser.Text(m[1])
		}
		return parser.Text(m[0])
	}), nil
}

// plainText is a value as people write it.
func plainText(v parser.Value) string {
	if v.Kind() == parser.KindText {
		return v.Text()
	}
	return strings.Trim(string(v.AppendJSON(nil)), `"`)
}

// dnsName reads a name in DNS wire format: "\x07example\x03com\x00".
func dnsName(v parser.Value) parser.Value {
	s := v.Text()
	var labels []string
	for len(s) > 0 && s[0] != 0 {
		n := int(s[0])
		if n > 63 || n >= len(s) {
			return v
		}
		labels = append(labels, s[1:1+n])
		s = s[1+n:]
	}
	if len(labels) == 0 {
		return v
	}
	return parser.Text(strings.Join(labels, "."))
}
