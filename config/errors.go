package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column count from 1, columns in
// characters; 0 means that there is none: File is then a file as a whole, an
// environment variable ("$TRACECAR_LISTEN") or "command line".
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error is one thing that is wrong with a configuration.
type Error struct {
	Position
	// Key is the path of keys: "probes[1].every"; empty for the file itself.
	Key     string
	Message string
	// Hint says what to write instead; it may be empty.
	Hint string
	// Err is the cause, where another package told it.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	if pos := e.Position.String(); pos != "" {
		b.WriteString(pos + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// maxShown bounds how many errors are put into one text.
const maxShown = 20

// Errors is all that is wrong with a configuration, in the order of the file.
type Errors []*Error

// Error has one line for each, at most 20.
func (e Errors) Error() string {
	lines := make([]string, 0, min(len(e), maxShown)+1)
	for _, one := range e[:min(len(e), maxShown)] {
		lines = append(lines, one.Error())
	}
	if more := len(e) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is and errors.As look into each of them.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// result is nil where nothing is wrong: an empty Errors is no nil error.
func (e Errors) result() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Key, b.Key))
	})
	return e
}
