package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file, and maxScript each script file.
const (
	maxFile   = 4 << 20
	maxScript = 1 << 20
)

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// parseYAML reads one document; nil without an error where there is none.
func parseYAML(file string, data []byte) (*yaml.Node, *Error) {
	if e := checkText(file, data); e != nil {
		return nil, e
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(file, data, err)
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, &Error{Position: Position{File: file, Line: more.Line, Column: more.Column}, Message: "a second document (---) begins here", Hint: "one file is one document"}
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(file, data, err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, nil // comments only, or "---"
	}
	return root, nil
}

// checkText finds what YAML refuses without saying where.
func checkText(file string, data []byte) *Error {
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		pos := Position{File: file, Line: line, Column: column}
		switch {
		case r == utf8.RuneError && size == 1:
			return &Error{Position: pos, Message: fmt.Sprintf("byte 0x%02x is not UTF-8", data[i])}
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			return &Error{Position: pos, Message: fmt.Sprintf("control character 0x%02x", r), Hint: `in quotes it can be written \x` + fmt.Sprintf("%02x", r)}
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return nil
}

func syntaxError(file string, data []byte, err error) *Error {
	e := &Error{Position: Position{File: file, Line: 1}, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Message = strings.TrimPrefix(err.Error(), m[0])
	}
	lines := bytes.Split(data, []byte("\n"))
	e.Line = min(max(e.Line, 1), len(lines))
	source := string(lines[e.Line-1])
	switch {
	case strings.Contains(e.Message, "cannot start any token") && strings.Contains(source, "\t"):
		e.Hint = "YAML is indented with spaces, not tabs"
	case strings.Contains(e.Message, "cannot start any token") && strings.Contains(source, "@"):
		e.Hint = `what begins with @ wants quotes: "@name"`
	case strings.Contains(e.Message, "<document start>"):
		e.Hint = "YAML is made of \"key: value\" lines"
	case strings.Contains(e.Message, "mapping values are not allowed"):
		e.Hint = "a script or text with \": \" in it wants quotes, or | and lines of its own"
	}
	e.Message = "not YAML: " + e.Message
	return e
}
