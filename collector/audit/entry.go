package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// What an Entry tells of.
const (
	EventDecision = "decision" // may this caller run this script?
	EventRun      = "run"      // a run has ended
	EventAuth     = "auth"     // somebody was turned away before that
)

// Outcomes of decisions. Those of runs are a Result's status.
const (
	Allowed = "allowed"
	Refused = "refused"
)

// Entry is one line.
type Entry struct {
	Time    time.Time `json:"time"` // set by Write where it is zero
	Event   string    `json:"event"`
	Outcome string    `json:"outcome"`
	Who     Who       `json:"who"`
	Run     string    `json:"run,omitempty"`    // the run's id; a validation has none
	Script  Script    `json:"script,omitzero"`  //
	Broken  []Broken  `json:"broken,omitempty"` // the rules that refused it
	// Reason is why a run did not run, or somebody was turned away, where it
	// was no rule.
	Reason string `json:"reason,omitempty"`
	Cost   Cost   `json:"cost,omitzero"`
	// Lost is how many entries before this one could not be written; set by Write.
	Lost uint64 `json:"lost,omitempty"`
}

// Who asked.
type Who struct {
	Token   string `json:"token,omitempty"`   // the name of the token's holder, never the token
	Role    string `json:"role,omitempty"`    //
	Client  string `json:"client,omitempty"`  // what the client calls itself: not verified
	Session string `json:"session,omitempty"` // given as it is, written as a hash
	Remote  string `json:"remote,omitempty"`  // address
	Trigger string `json:"trigger,omitempty"` // "mcp", "cli", "http", "schedule"
}

// Script is what was asked for.
type Script struct {
	// Source is the text. It is written only with Options.ScriptText, up to
	// maxSource bytes.
	Source string `json:"text,omitempty"`
	// Name is of a script of the library, or of a probe.
	Name   string `json:"name,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // of the whole text, in hexadecimal; set by Write
	Bytes  int    `json:"bytes,omitempty"`  // set by Write
	Args   int    `json:"args,omitempty"`   // how many positional parameters
	Unsafe bool   `json:"unsafe,omitempty"` // --unsafe was asked for
}

// Broken is one rule that a script broke.
type Broken struct {
	Rule string `json:"rule"`
	// Reason says what breaks the rule, in no words of the script.
	Reason string `json:"reason,omitempty"`
	Line   int    `json:"line,omitempty"` // in the script; 0: no place in it
	Column int    `json:"column,omitempty"`
	// Message may quote the script: written only with Options.ScriptText.
	Message string `json:"message,omitempty"`
}

// Cost is what a decision or a run took.
type Cost struct {
	Duration     time.Duration `json:"duration_ns,omitempty"` // from begin to end
	AttachPoints int           `json:"attach_points,omitempty"`
	Events       uint64        `json:"events,omitempty"`
	LostEvents   uint64        `json:"lost_events,omitempty"`
	Output       uint64        `json:"output_bytes,omitempty"`
	KernelCPU    time.Duration `json:"kernel_cpu_ns,omitempty"` // in BPF programs
	BpftraceCPU  time.Duration `json:"bpftrace_cpu_ns,omitempty"`
	MaxRSS       uint64        `json:"max_rss_bytes,omitempty"` // of bpftrace
}

const (
	maxSource = 64 << 10
	maxField  = 256 // bytes of a name or message; each may come from a caller
	maxBroken = 50
	// maxLine is what one entry can take: JSON writes a byte as six at most.
	maxLine = 6*(maxSource+(11+3*maxBroken)*maxField) + 64<<10
)

// line is the entry as it is written.
func (e Entry) line(scriptText bool) ([]byte, error) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	if src := e.Script.Source; src != "" {
		sum := sha256.Sum256([]byte(src))
		e.Script.SHA256, e.Script.Bytes = hex.EncodeToString(sum[:]), len(src)
		e.Script.Source = ""
		if scriptText {
			e.Script.Source = clip(src, maxSource)
		}
	}
	if e.Who.Session != "" {
		e.Who.Session = SessionHash(e.Who.Session)
	}
	for _, f := range []*string{&e.Event, &e.Outcome, &e.Who.Token, &e.Who.Role, &e.Who.Client, &e.Who.Remote, &e.Who.Trigger, &e.Run, &e.Script.Name, &e.Reason} {
		*f = clip(*f, maxField)
	}
	broken := e.Broken[:min(len(e.Broken), maxBroken)]
	e.Broken = nil
	for _, b := range broken {
		b.Rule, b.Reason, b.Message = clip(b.Rule, maxField), clip(b.Reason, maxField), clip(b.Message, maxField)
		if !scriptText {
			b.Message = ""
		}
		e.Broken = append(e.Broken, b)
	}
	line, err := json.Marshal(e)
	return append(line, '\n'), err
}

// SessionHash is what stands for a session in the log: whoever knows a
// session's id may act in it.
func SessionHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:6])
}

// clip cuts a text to n bytes, at a character, and says so.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\ufffd") + "…"
}
