package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

var errNoString = errors.New("is not a string")

// exactText decodes a JSON string, or says that it stands for no text: the
// decoder would put U+FFFD for bytes and escapes that are none, and so run
// another script than the caller's; a NUL ends the text for C programs such as
// some versions of bpftrace.
func exactText(raw json.RawMessage) (string, error) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", errNoString
	}
	if !utf8.Valid(raw) {
		return "", errors.New("holds bytes that are not UTF-8")
	}
	if at := strings.IndexByte(*s, 0); at >= 0 {
		return "", fmt.Errorf("holds a NUL byte, at offset %d", at)
	}
	if n := strings.Count(*s, "\ufffd"); n > 0 && n > replacements(raw) {
		return "", errors.New("holds half a surrogate pair, which is no character")
	}
	return *s, nil
}

// replacements counts the U+FFFD that a JSON string itself holds.
func replacements(raw []byte) int {
	n := bytes.Count(raw, []byte("\ufffd"))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; i+4 < len(raw) && raw[i] == 'u' && strings.EqualFold(string(raw[i+1:i+5]), "fffd") {
			n++
		}
	}
	return n
}
