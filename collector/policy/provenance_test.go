package policy_test

import (
	"math/rand/v2"
	"testing"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

// A program is random statements about two variables in each of two probes and
// two maps. What it reads through is known from how it was made, not from its
// text: the model follows assignments, whatever their order.
type program struct {
	tailor
	text string
	// from are the assignments: what a place was given, by name. "good" is an
	// argument of the event, "bad" is anything else.
	from map[string][]string
	// read are the places that are read through.
	read []string
}

// statement writes one statement for the probe at, which has arguments or none.
func (p *program) statement(at string, args bool) {
	local := []string{"$a", "$b", "@m[tid]", "@n[tid]"}
	name := func(place string) string {
		if place[0] == '$' {
			return at + place
		}
		return place
	}
	place := local[p.IntN(4)]
	give := func(code, what string) {
		p.text += place + p.gap() + "=" + p.gap() + code + ";" + p.gap()
		p.from[name(place)] = append(p.from[name(place)], what)
	}
	bad := func(code string) {
		p.text += code + ";" + p.gap()
		p.from[name(place)] = append(p.from[name(place)], "bad")
	}
	switch k := p.IntN(30); {
	case k < 9 && args:
		give("args->filename", "good")
	case k < 16:
		p.text += "@s[" + p.call(p.pick("str", "buf"), place, "5") + "] = count();" + p.gap()
		p.read = append(p.read, name(place))
	case k < 17:
		other := local[p.IntN(4)]
		give(other, name(other))
	case k < 18 && args:
		give("args->filename"+p.gap()+"+"+p.gap()+"8", "bad")
	case k < 19:
		bad(place + p.pick("++", " += 8", " -= 8", " |= 1", " <<= 2", " = "+place+" + 8", " = (int8 *)5", " = $1"))
	case k < 21:
		p.text += "if" + p.gap() + "(" + place + p.pick("", " != 0", " == 0 && pid == 1") + ")" + p.gap() + "{ "
		p.statement(at, args)
		p.text += "} "
	case k < 22:
		p.text += "unroll (2) { "
		p.statement(at, args)
		p.text += "}" + p.gap()
	case k < 24:
		p.text += p.pick("delete(@m[tid]);", "clear(@n);", "print(@m);", `printf("%d", `+place+");", "@c = count();") + p.gap()
	default:
		p.text += p.plain() + " "
	}
}

// good tells whether a place was never given anything but arguments.
func (p *program) good(place string, seen map[string]bool) bool {
	if place == "good" || seen[place] {
		return true
	}
	seen[place] = true
	for _, f := range p.from[place] {
		if f == "bad" || !p.good(f, seen) {
			return false
		}
	}
	return len(p.from[place]) > 0
}

func newProgram(seed uint64) *program {
	p := &program{tailor: tailor{rand.New(rand.NewPCG(seed, 13))}, from: map[string][]string{}}
	for _, at := range []struct {
		point string
		args  bool
	}{{"tracepoint:syscalls:sys_enter_openat", true}, {"tracepoint:syscalls:sys_exit_openat", false}} {
		p.text += at.point + p.pick(" ", "\n", " /@m[tid]/ ") + "{ "
		for range 1 + p.IntN(6) {
			p.statement(at.point, at.args)
		}
		p.text += "}\n"
	}
	return p
}

func checkProgram(t *testing.T, seed uint64) (allowed, reads bool) {
	t.Helper()
	p := newProgram(seed)
	d := policy.Check(t.Context(), policy.Caller(), script.Parse(p.text), policy.Request{Fields: fields, Args: []string{"4096"}}, few)
	if d.Allowed {
		for _, place := range p.read {
			if !p.good(place, map[string]bool{}) {
				t.Errorf("%s is read through, and allowed:\n%s", place, p.text)
			}
		}
	}
	return d.Allowed, len(p.read) > 0
}

// TestProvenance: what is allowed reads through arguments of events only.
func TestProvenance(t *testing.T) {
	allowed := 0
	for seed := range uint64(20000) {
		if ok, reads := checkProgram(t, seed); ok && reads {
			allowed++
		}
	}
	if t.Logf("%d programs that read are allowed", allowed); allowed < 300 {
		t.Errorf("only %d programs that read are allowed: that proves little", allowed)
	}
}

func FuzzProvenance(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkProgram(t, seed) })
}
