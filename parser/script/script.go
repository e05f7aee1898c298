package script

// Script is what a bpftrace script does, as far as its text tells.
// Parse never fails: what it cannot tell stands in Unclear.
type Script struct {
	Source string
	// Probes in source order, predicates and bodies as spans.
	Probes []Probe
	// Maps in order of first appearance.
	Maps []Map
	// Calls lists every function, macro and builtin-with-parentheses call.
	Calls []Call
	// Identifiers lists every other bare identifier outside strings and
	// comments that is not a variable, a map, a keyword or a field name after
	// "." or "->"; builtins like comm, nsecs and curtask are here.
	Identifiers []Identifier
	Includes    []Directive // #include
	Imports     []Directive // import "…" (0.27)
	Directives  []Directive // every other preprocessor line
	Config      []Setting   // config = { … }
	Macros      []Definition
	Functions   []Definition // fn
	// Outputs lists the calls that print, in source order.
	Outputs []Output
	// Params is the highest positional parameter used ($1 → 1); HasParamCount is $#.
	Params        int
	HasParamCount bool
	// Unclear says, with positions, what Parse could not make sense of.
	Unclear []Unclear
}

// Pos is a place in the source.
type Pos struct {
	Offset int // bytes from the start, 0-based
	Line   int // 1-based
	Column int // 1-based, in bytes
}

// Span is a piece of the source, End exclusive.
type Span struct{ Start, End Pos }

// Probe is one probe: attach points, an optional predicate, a body.
type Probe struct {
	Span
	AttachPoints []AttachPoint
	Predicate    string // without the slashes, "" if none
	Body         Span   // including the braces; zero if torn off
}

// AttachPoint is one attach point as written.
type AttachPoint struct {
	Span
	Text     string   // as written: "tracepoint:syscalls:sys_enter_openat"
	Provider string   // canonical name: "tracepoint" for "t", "BEGIN" for "begin"
	Parts    []string // what follows the provider, split at ":", quotes removed
	Wildcard bool     // holds *, ?, [ outside quotes
}

// MapKind is the aggregation that fills a map.
type MapKind string

// The kinds are those of result.md; bpftrace's function names.
const (
	KindUnknown MapKind = "unknown"
	KindValue   MapKind = "value" // plain assignment, ++, +=
	KindCount   MapKind = "count"
	KindSum     MapKind = "sum"
	KindMin     MapKind = "min"
	KindMax     MapKind = "max"
	KindAvg     MapKind = "avg"
	KindStats   MapKind = "stats"
	KindHist    MapKind = "hist"
	KindLhist   MapKind = "lhist"
	KindTSeries MapKind = "tseries"
)

// Map is one map of the script.
type Map struct {
	Name string // with the @; "@" for the anonymous map
	Pos  Pos    // first use
	Kind MapKind
	// Keys has one part per element of the key; nil for a scalar map. Types
	// are joined over all uses: where two uses differ, the wider one, or
	// TypeUnknown.
	Keys []KeyPart
	// KeyUnclear is set where uses of the map disagree about arity, or a key
	// could not be read: then Keys is the best guess.
	KeyUnclear bool
	Value      Type // type of a KindValue map's value, or of the aggregated expression
	// Assigns lists every expression that fills the map.
	Assigns []Assign
}

// Assign is one statement that fills a map.
type Assign struct {
	Span
	Kind MapKind
	Key  []string // text of each key part
	// Args are the aggregation's arguments as text: hist(@,k) → {"expr","k"},
	// lhist → {"expr","min","max","step"}.
	Args []string
	Expr string // the text of the right-hand side
}

// KeyPart is one part of a map's key.
type KeyPart struct {
	Name string // "comm", "pid"; "filename" for str(args.filename); "" if none fits
	Expr string // as first written
	Type Type
}

// TypeKind is the kind of a value in the script.
type TypeKind uint8

const (
	TypeUnknown TypeKind = iota
	TypeInt              // Bits, Signed; 0 bits: width not known, nor the sign where versions differ
	TypeBool
	TypeString // Size: declared size where known
	TypeBuffer
	TypeTuple // Elems
	TypeKernelStack
	TypeUserStack
	TypeKernelSymbol
	TypeUserSymbol
	TypeInet
	TypeMAC
	TypeTimestamp // strftime()
	TypeCgroupPath
	TypeUsername
	TypeStrerror
	TypeProbe // the probe builtin: a string made in user space
	TypeEnum
	TypePointer
	TypeStruct
	TypeArray
)

// Type is a value's type as far as it can be inferred.
type Type struct {
	Kind   TypeKind
	Bits   int
	Signed bool
	Size   int
	Elems  []Type
	// StackMode is "bpftrace", "perf" or "raw", for stacks.
	StackMode string
}

// Call is one call.
type Call struct {
	Span // name to closing parenthesis
	Name string
	Args []string // text of each argument, trimmed
}

// Identifier is one bare identifier.
type Identifier struct {
	Pos
	Name string
}

// Directive is one preprocessor line or import; continuation lines are joined.
type Directive struct {
	Span
	Name string // "include", "define", "import", …
	Text string // the rest of the line, trimmed
}

// Setting is one assignment in a config block.
type Setting struct {
	Pos
	Name, Value string
}

// Definition is one macro or fn.
type Definition struct {
	Span
	Name   string
	Params []string
}

// Output is one call that prints: printf, print, time, cat, join, system,
// errorf, warnf, debugf, and the implicit print of all maps is not one.
type Output struct {
	Call
	// Format is the decoded format string of printf and its like; HasFormat
	// is false where the format is not a literal.
	Format    string
	HasFormat bool
	// Fields are the conversions of Format, in order, with the names inferred
	// from the arguments.
	Fields []Conversion

	pieces []formatPiece // of Format
}

// Conversion is one % conversion of a format and the argument it prints.
type Conversion struct {
	Name string // "comm", "filename"; "arg0" where no name fits
	Spec string // as written: "%-16s", "%lld", "%r"
	Verb string // without flags and width: "s", "d", "u", "x", "p", "r", "c", "lld", "rh", …
	Expr string // the argument's text
	Type Type

	literal *string // where the argument is a string in the script
}

// Unclear is something Parse could not tell.
type Unclear struct {
	Pos
	Message string
}
