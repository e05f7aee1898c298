package policy_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"tracecar/collector/executor"
	"tracecar/collector/executor/executortest"
	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// A smuggler writes scripts that read memory through pointers. It knows of
// each whether only arguments of events are read through: a script that reads
// anything else must never be allowed by the tier "arguments", in whatever
// dress; of those that read nothing else most are.
type smuggler struct {
	tailor
	// foreign is set once the script has a pointer that is no argument, or one
	// that is not known to be.
	foreign bool
	trick   string
}

// dress puts gaps between the words of a text, where it has spaces.
func (s *smuggler) dress(text string) string {
	words := strings.Split(text, " ")
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(s.pick(" ", " ", " ", "\n", "\t", " /* c */ ", " // }\n"))
		}
		b.WriteString(w)
	}
	return b.String()
}

// sink reads through a pointer.
func (s *smuggler) sink(p string) string {
	return s.pick(
		"@k1["+s.call("str", p)+"] = count();",
		"@k2 = "+s.call("buf", p, "8")+";",
		"@k3 = "+s.call("str", p, "5")+";",
		`printf("%s\n", `+s.call("str", p)+");",
		"if (strncmp("+s.call("str", p)+`, "/etc", 4) == 0) { @k4++; }`,
		"$o = "+s.call("str", p)+"; print($o);",
		"if ("+s.call("str", p)+` == "a") { @k5++; }`,
	)
}

// A trick makes of an argument a pointer $p or @p[tid] that is none, or is
// honest; code of other probes goes to more.
type trick struct {
	name, code, pointer, more string
	honest                    bool
	newest                    bool // of 0.27 only
}

var exitOpen = "\ntracepoint:syscalls:sys_exit_openat { "

// tricks have ARG for the argument and NUM for a number.
var tricks = []trick{
	{name: "direct", pointer: "ARG", honest: true},
	{name: "variable", code: "$p = ARG ;", pointer: "$p", honest: true},
	{name: "twice", code: "$p = ARG ; if (pid > NUM) { $p = ARG ; }", pointer: "$p", honest: true},
	{name: "map", code: "@p[tid] = ARG ;", pointer: "@p[tid]", honest: true},
	{name: "map by process", code: "@p[pid, tid] = ARG ;", pointer: "@p[pid, tid]", honest: true},
	{name: "map at exit", code: "@p[tid] = ARG ;", more: exitOpen + "SINK(@p[tid]) delete(@p[tid]); }", honest: true},
	{name: "added to", pointer: "ARG + NUM"},
	{name: "subtracted", pointer: "ARG - NUM"},
	{name: "cast", pointer: "(uint64) ARG"},
	{name: "cast pointer", pointer: "(int8 *) ARG"},
	{name: "cast number", pointer: "(uint64) NUM"},
	{name: "number", pointer: "NUM"},
	{name: "parameter", pointer: "$1 + 0"},
	{name: "builtin", pointer: "nsecs"},
	{name: "ternary", pointer: "pid > 1 ? ARG : ARG + NUM"},
	{name: "ternary number", pointer: "pid > 1 ? (uint64) ARG : (uint64) NUM"},
	{name: "field that is a number", pointer: "args->flags"},
	{name: "deref", pointer: "* ARG"},
	{name: "index", pointer: "ARG [NUM]"},
	{name: "block value", newest: true, code: "", pointer: "{ $q = ARG + NUM ; $q }"},
	{name: "plus", code: "$p = ARG ; $p += NUM ;", pointer: "$p"},
	{name: "minus", code: "$p = ARG ; $p -= NUM ;", pointer: "$p"},
	{name: "increment", code: "$p = ARG ; $p++ ;", pointer: "$p"},
	{name: "pre-increment", code: "$p = ARG ; ++$p ;", pointer: "$p"},
	{name: "sum", code: "$p = ARG ; $p = $p + NUM ;", pointer: "$p"},
	{name: "before", code: "$p = ARG + NUM ;", pointer: "$p"},
	{name: "branch", code: "$p = ARG ; if (pid > 1) { $p = $p + NUM ; }", pointer: "$p"},
	{name: "else", code: "$p = ARG ; if (pid > 1) { @e++ ; } else { $p = ARG + NUM ; }", pointer: "$p"},
	{name: "unrolled", code: "$p = ARG ; unroll (3) { $p = $p + NUM ; }", pointer: "$p"},
	{name: "loop", code: "$p = ARG ; $i = 0 ; while ($i < 3) { $i++ ; $p = $p + 1 ; }", pointer: "$p"},
	{name: "other variable", code: "$q = ARG + NUM ; $p = ARG ; $p = $q ;", pointer: "$p"},
	{name: "cast into variable", code: "$p = (uint64) ARG ; if (pid > 1) { $p = (uint64) NUM ; }", pointer: "$p"},
	{name: "parameter in variable", code: "$p = $1 ;", pointer: "$p"},
	{name: "let", code: "let $p = ARG ; $p = $p + NUM ;", pointer: "$p"},
	{name: "let typed", newest: true, code: "let $p : uint64 ; $p = NUM ;", pointer: "$p"},
	{name: "tuple", code: "$q = (ARG + NUM, 1) ;", pointer: "$q.0"},
	{name: "tuple in map", code: "@q = (ARG + NUM, 1) ;", pointer: "@q.0"},
	{name: "args in variable", code: "$q = args ;", pointer: "$q->filename + NUM"},
	{name: "map plus", code: "@p[tid] = ARG ; @p[tid] += NUM ;", pointer: "@p[tid]"},
	{name: "map increment", code: "@p[tid] = ARG ; @p[tid]++ ;", pointer: "@p[tid]"},
	{name: "map again", code: "@p[tid] = ARG ; @p[tid] = ARG + NUM ;", pointer: "@p[tid]"},
	{name: "map in another probe", code: "@p[tid] = ARG ;", pointer: "@p[tid]", more: exitOpen + "@p[tid] = @p[tid] + NUM ; }"},
	{name: "map after the read", pointer: "@p[tid]", more: exitOpen + "@p[tid] += NUM ; }", code: "@p[tid] = ARG ;"},
	{name: "map, other key", code: "@p[tid] = ARG ; @p[NUM] = ARG + NUM ;", pointer: "@p[tid]"},
	{name: "map of all", code: "@p = ARG ;", more: exitOpen + "SINK(@p) }"},
	{name: "map by number", code: "@p[NUM] = ARG ;", more: exitOpen + "SINK(@p[NUM]) }"},
	{name: "map, foreign key", code: "@p[tid] = ARG ;", more: "\ntracepoint:sched:sched_switch { SINK(@p[args->next_pid]) }"},
	{name: "map elsewhere", code: "@p[tid] = ARG ;", more: "\nprofile:hz:9 { SINK(@p[tid]) }"},
	{name: "map to variable", code: "@q[tid] = ARG + NUM ; $p = @q[tid] ;", pointer: "$p"},
	{name: "map to map", code: "@q[tid] = ARG + NUM ; @p[tid] = @q[tid] ;", pointer: "@p[tid]"},
	{name: "loop over map", code: "@p[tid] = ARG + NUM ; for ($kv : @p) { SINK($kv.1) }"},
	{name: "loop over keys", code: "@p[ARG + NUM] = 1 ; for ($kv : @p) { SINK($kv.0) }"},
	{name: "loop over numbers", newest: true, code: "for ($i : 0..3) { SINK($i) }"},
	{name: "find", newest: true, code: "@q[tid] = ARG + NUM ; $p = ARG ; if (find(@q, tid, $p)) { SINK($p) }"},
	{name: "kptr", pointer: "kptr( ARG )"},
	{name: "uptr", pointer: "uptr( ARG )"},
	{name: "kaddr", pointer: `kaddr("vfs_read")`},
	{name: "curtask", pointer: "curtask"},
	{name: "define number", pointer: "FOO", more: "#define FOO 4096\n"},
	{name: "macro", newest: true, code: "$p = ARG ; m($p) ;", pointer: "$p", more: "macro m($x) { $x += 8 ; }\n"},
	{name: "macro map", newest: true, code: "@p[tid] = ARG ; m(@p) ;", pointer: "@p[tid]", more: "macro m(@x) { @x[tid] += 8 ; }\n"},
	{name: "macro value", newest: true, pointer: "m( ARG )", more: "macro m(x) { x + 8 }\n"},
	{name: "predicate", more: "tracepoint:syscalls:sys_enter_openat / str(args->filename + 8) == \"a\" / { @++ ; }\n"},
	{name: "probes", more: "tracepoint:syscalls:sys_enter_openat, tracepoint:syscalls:sys_enter_open { @w = buf(args->filename + 1, 8) ; }\n"},
}

// smuggle makes a script of a seed.
func smuggle(seed uint64) *smuggler {
	s := &smuggler{tailor: tailor{rand.New(rand.NewPCG(seed, 11))}}
	s.trick = s.write(tricks[s.IntN(len(tricks))])
	return s
}

func (s *smuggler) write(t trick) string {
	s.foreign = !t.honest
	fill := func(code string) string {
		code = strings.NewReplacer("ARG", s.pick("args->filename", "args -> filename"), "NUM", strconv.Itoa(1+s.IntN(99))).Replace(code)
		for {
			before, rest, ok := strings.Cut(code, "SINK(")
			if !ok {
				return code
			}
			end := strings.Index(rest, ")")
			code = before + s.sink(rest[:end]) + rest[end+1:]
		}
	}
	body := s.plain() + " " + fill(s.dress(t.code))
	if t.pointer != "" {
		body += s.sink(fill(s.dress(t.pointer)))
	}
	body += " " + s.plain()
	if s.IntN(3) == 0 {
		body = "if (pid > 0) { " + body + " }"
	}
	main := s.pick("tracepoint:syscalls:sys_enter_openat", "t:syscalls:sys_enter_openat", "tracepoint:syscalls:sys_enter_openat,\ntracepoint:syscalls:sys_enter_open") + s.pick(" ", "\n", " /* } */ ") + "{" + body + "}"
	more := fill(t.more)
	if strings.HasPrefix(more, "\n") {
		return main + more
	}
	return more + main
}

func judgeSmuggle(t *testing.T, seed uint64) (s *smuggler, allowed bool) {
	t.Helper()
	s = smuggle(seed)
	role := policy.Caller()
	role.Directives, role.Macros = []string{"define"}, true // so that they are not what refuses it
	d := policy.Check(t.Context(), role, script.Parse(s.trick), policy.Request{Fields: fields, Args: []string{"4096"}}, few)
	if d.Allowed && s.foreign {
		t.Errorf("allowed:\n%s", s.trick)
	}
	return s, d.Allowed
}

func TestSmuggle(t *testing.T) {
	honest, allowed := 0, 0
	for seed := range uint64(20000) {
		s, ok := judgeSmuggle(t, seed)
		if !s.foreign {
			honest++
			if ok {
				allowed++
			} else if testing.Verbose() && honest < 20 {
				t.Logf("refused:\n%s", s.trick)
			}
		}
	}
	if allowed != honest || honest < 1000 {
		t.Errorf("%d of %d honest scripts are allowed", allowed, honest)
	}
}

func FuzzSmuggle(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { judgeSmuggle(t, seed) })
}

// TestSmuggleLive has bpftrace say that the tricks are scripts: what none
// accepts would prove nothing. TRACECAR_DRESSES has all versions say so of each.
func TestSmuggleLive(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("TRACECAR_DRESSES"))
	ever := map[string]bool{}
	version := 0
	executortest.Each(t, func(t *testing.T, p executortest.Program) {
		bt, err := executor.Find(t.Context(), executor.Config{Path: p.Path})
		if err != nil {
			t.Fatal(err)
		}
		var refuses []string
		for i, trick := range tricks {
			if n == 0 && (ever[trick.name] || trick.newest && version < 2 || !trick.newest && version < i%2) {
				continue
			}
			accepted := false
			for k := range max(1, n/10) {
				s := &smuggler{tailor: tailor{rand.New(rand.NewPCG(uint64(i), uint64(k)))}}
				src := s.write(trick)
				check, err := bt.Validate(t.Context(), executor.Job{Source: src, Args: []string{"4096"}})
				if err != nil {
					t.Fatalf("%v\n%s", err, src)
				}
				accepted = accepted || check.Valid
				if !check.Valid && testing.Verbose() {
					t.Logf("%s: %v\n%s", trick.name, check.Diagnostics, src)
				}
			}
			if !accepted {
				refuses = append(refuses, trick.name)
			}
			ever[trick.name] = ever[trick.name] || accepted
		}
		t.Logf("bpftrace %s refuses %q of %d", p.Version, refuses, len(tricks))
		version++
	})
	if version < 3 {
		return
	}
	for _, trick := range tricks {
		if !ever[trick.name] {
			t.Errorf("no bpftrace accepts %s", trick.name)
		}
	}
}
