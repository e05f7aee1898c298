package parser

// Unquote undoes the escapes of a JSON string, the one at the start of s, as
// bpftrace writes it (bytes as \uffffffXX), and returns what follows it. It
// is for the strings of a nested tuple in a key of 0.22 and 0.23, which Row.Key
// leaves as they are; ok is false where s does not begin with a whole string.
func Unquote(s string) (text, rest string, ok bool) {
	var d dialect
	sc := scan{d: &d, b: []byte(s)}
	b, ok := sc.str()
	if !ok {
		return "", s, false
	}
	return string(b), s[sc.i:], true
}
