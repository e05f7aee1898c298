package policy

import (
	"context"
	"fmt"

	"tracecar/parser/script"
)

// The rules, by the names that a Violation carries. They are stable.
const (
	RuleReadOnly      = "read_only"
	RuleLibraryOnly   = "library_only"
	RuleUnsafe        = "unsafe"
	RuleArgs          = "args"    // the positional parameters
	RuleText          = "text"    // bytes and signs that hide what a script says
	RuleSize          = "size"    // of the script, its compiled form, its nesting
	RuleUnclear       = "unclear" // the parser could not tell
	RuleProvider      = "provider"
	RuleAttachPoint   = "attach_point"
	RuleForeignBinary = "foreign_binary"
	RuleRate          = "rate"
	RuleFunction      = "function"
	RuleIdentifier    = "identifier"
	RuleUserMemory    = "user_memory"
	RuleInclude       = "include"
	RuleImport        = "import"
	RuleDirective     = "directive"
	RuleDefinition    = "definition" // macro, fn, struct, union, enum
	RuleConfig        = "config"
	RuleUnroll        = "unroll"
	RuleLoop          = "loop"
	RuleMaps          = "maps"
)

// Request is what a caller asks for beside the script.
type Request struct {
	// Args are the positional parameters $1, $2, …
	Args []string
	// Unsafe asks for --unsafe.
	Unsafe bool
	// Library is the name of the library's script whose text this is, "" for
	// an ad hoc one. The caller of Check vouches for it.
	Library string
	// Fields tells what the fields of this kernel's events are: EventFields.
	// Without it str() and buf() of any tracepoint's field are refused.
	Fields Fields
}

// Expand counts the attach points that a pattern matches, by bpftrace's own
// search.
type Expand func(ctx context.Context, pattern string) (int, error)

// Decision is the answer.
type Decision struct {
	Allowed bool
	// Violations are all rules that were broken, in the script's order, up to
	// maxViolations; those of no place in it go first.
	Violations []Violation
	// AttachPoints is how many the script has after wildcards, as far as they
	// were counted: for an allowed script of a role that is not trusted, all.
	AttachPoints int
	// Limits bound the run.
	Limits Limits
}

// Violation is one rule broken.
type Violation struct {
	Rule    string // one of the Rule constants
	Message string
	// Pos is the place in the script; Line 0 where there is none.
	Pos script.Pos
	// Allowed is what would be allowed, for people; "" where there is nothing
	// to say, or an earlier Violation says the same.
	Allowed string
}

const maxViolations = 50

// meanings say of each rule, in no words of the script, what breaks it.
var meanings = map[string]string{
	RuleReadOnly:      "the role runs no scripts",
	RuleLibraryOnly:   "the role runs scripts of the library only",
	RuleUnsafe:        "the role may not change the system that is traced",
	RuleArgs:          "the positional parameters are too many, too long, or no text",
	RuleText:          "the text hides what it says",
	RuleSize:          "the script, or what it compiles to, is too large",
	RuleUnclear:       "what the script does cannot be told",
	RuleProvider:      "a kind of probe that the role does not allow",
	RuleAttachPoint:   "an attach point that the role does not allow, or too many",
	RuleForeignBinary: "a probe on a program that the role does not allow",
	RuleRate:          "timers or counters that fire too often",
	RuleFunction:      "a call of a function that the role does not allow",
	RuleIdentifier:    "a word that the role does not allow",
	RuleUserMemory:    "memory is read that the role does not allow",
	RuleInclude:       "an #include that the role does not allow",
	RuleImport:        "an import that the role does not allow",
	RuleDirective:     "a preprocessor line that the role does not allow",
	RuleDefinition:    "a definition that the role does not allow",
	RuleConfig:        "a setting that the role does not allow",
	RuleUnroll:        "an unroll that is too long, or cannot be told",
	RuleLoop:          "a loop that is too long, or cannot be told",
	RuleMaps:          "too many maps, or too large ones",
}

// Meaning says what breaks a rule, for logs that must not quote a script; ""
// for a rule that there is none of.
func Meaning(rule string) string { return meanings[rule] }

// Reason is one line for whoever asked: the first violation, and how many
// more there are. "" for what is allowed.
func (d *Decision) Reason() string {
	switch n := len(d.Violations); {
	case n == 0:
		return ""
	case n == 1:
		return d.Violations[0].String()
	default:
		return fmt.Sprintf("%v; and %d more", d.Violations[0], n-1)
	}
}

func (v Violation) String() string {
	s := v.Rule + ": " + v.Message
	if v.Pos.Line > 0 {
		s = fmt.Sprintf("%d:%d: %s", v.Pos.Line, v.Pos.Column, s)
	}
	if v.Allowed != "" {
		s += " (allowed: " + v.Allowed + ")"
	}
	return s
}
