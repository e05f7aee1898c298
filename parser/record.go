package parser

// Type says which of bpftrace's messages a Record holds. The names of the
// message types are bpftrace's own.
type Type uint8

const (
	// TypeUnknown is a JSON object with a type this package does not know,
	// or one whose members are not what that type has. Text holds the line.
	TypeUnknown Type = iota
	// TypeMalformed is a line, or the part of one before a message, that is not
	// one of bpftrace's messages: a torn line, a compiler warning, text of a -c
	// command. Text holds the bytes. Blank lines give no record.
	TypeMalformed
	TypeAttachedProbes // Count: attach points
	TypePrintf         // Text
	TypeTime           // Text
	TypeCat            // Text
	TypeJoin           // Text
	TypeSyscall        // Text: what system() printed
	TypeValue          // Value: print() of something that is not a map
	TypeMap            // Map
	TypeHist           // Map; rows hold Buckets
	TypeStats          // Map; rows hold Stats (stats()) or an integer (avg())
	TypeTSeries        // Map; rows hold Points
	TypeLostEvents     // Count: events lost since the last such message
	TypeHelperError    // Problem
	TypeRuntimeError   // Problem
	TypeErrorf         // Problem
	TypeWarnf          // Problem
	TypeTestResult     // Value: the data object as printed
	TypeBenchmark      // Value: the data object as printed
)

// typeNames are bpftrace's own, but for the first two.
var typeNames = [...]string{
	TypeUnknown:        "unknown",
	TypeMalformed:      "malformed",
	TypeAttachedProbes: "attached_probes",
	TypePrintf:         "printf",
	TypeTime:           "time",
	TypeCat:            "cat",
	TypeJoin:           "join",
	TypeSyscall:        "syscall",
	TypeValue:          "value",
	TypeMap:            "map",
	TypeHist:           "hist",
	TypeStats:          "stats",
	TypeTSeries:        "tseries",
	TypeLostEvents:     "lost_events",
	TypeHelperError:    "helper_error",
	TypeRuntimeError:   "runtime_error",
	TypeErrorf:         "errorf",
	TypeWarnf:          "warnf",
	TypeTestResult:     "test_result",
	TypeBenchmark:      "benchmark_result",
}

// String returns bpftrace's own name of the message type, "unknown" or "malformed".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type?"
}

// Record is one thing bpftrace said. Which fields are set depends on Type.
type Record struct {
	Type Type
	// Line is the 1-based line number in the stream, Offset the byte offset
	// of the record's first byte: of the line, but for a message that comes
	// after other text on its line.
	Line   int64
	Offset int64
	// Text holds the exact bytes of text messages (it may not be valid
	// UTF-8), or the raw line of an unknown or malformed one.
	Text string
	// Bytes holds the text of a printf in place of Text where SkipText was
	// asked for. It is valid until the next Scan.
	Bytes []byte
	// Value is set for TypeValue, TypeTestResult and TypeBenchmark.
	Value Value
	// Map is set for TypeMap, TypeHist, TypeStats and TypeTSeries.
	Map *MapState
	// Count is set for TypeAttachedProbes and TypeLostEvents.
	Count uint64
	// Problem is set for errors and warnings that bpftrace reports as messages,
	// and says for TypeMalformed and TypeUnknown what was wrong with the line.
	// For other types it is nil, or its Message says what is doubtful about the
	// record: a map that ended too early (Cut) or had text after it, a value
	// printed without quotes, a count that may be hexadecimal.
	Problem *Problem
	// Truncated is the number of bytes of the line beyond the line limit that
	// were dropped; 0 for a whole line. A text message then has the text up to
	// the limit, a map the rows; any other message is TypeMalformed.
	Truncated int64
}

// MapState is the state of one map as bpftrace printed it.
type MapState struct {
	Name string // with the @; "@" for the anonymous map
	// Keyed is false for a scalar map: then Rows has exactly one row with an
	// empty Key, or none where bpftrace printed an empty object (which does not
	// tell). From 0.24 on a scalar map that holds a struct prints like a keyed
	// one, with the members as keys; only the script tells.
	Keyed bool
	// Rows in the order printed. Keys may repeat: bpftrace joins and shortens
	// keys, so that different keys can print alike.
	Rows []Row
	// Cut says that the line ended (line limit, torn stream) or went wrong
	// before the map did: Rows are those that arrived whole.
	Cut bool
}

// Row is one element of a map.
type Row struct {
	// Key is bpftrace's own text for the whole key, with JSON escapes, byte
	// escapes and double escapes undone. Parts are still joined by commas. In
	// 0.22 and 0.23 a nested tuple that holds strings stands as JSON: 1,["a","b"]; see Unquote.
	Key   string
	Value Value
}

// Bucket is one bar of a histogram. Min and Max are inclusive.
type Bucket struct {
	Min, Max       int64
	HasMin, HasMax bool // false: open on that side
	Count          uint64
}

// Stats is the value of a stats() map, as printed.
type Stats struct {
	Count   Value
	Average Value
	Total   Value
}

// Point is one interval of a tseries() map.
type Point struct {
	// UnixNano is the start of the interval in UTC.
	UnixNano int64
	Value    Value
}

// Problem is an error or warning that bpftrace sent as a message, or what is
// wrong with a malformed line.
type Problem struct {
	Message string
	Helper  string // helper_error: the BPF helper's name
	Retcode int64  // helper_error: its return code
	File    string // 0.24+
	Line    int    // 1-based, 0 where not given
	Column  int    // 1-based, 0 where not given
}
