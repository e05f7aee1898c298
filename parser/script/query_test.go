package script

import "testing"

func TestQueries(t *testing.T) {
	s := Parse("BEGIN { @a = 1; cat(\"x\"); } t:a:b, k:f* { $x = printf; }")
	if m := s.Map("@a"); m == nil || m.Name != "@a" {
		t.Errorf("Map(@a) = %v", m)
	}
	if m := s.Map("@b"); m != nil {
		t.Errorf("Map(@b) = %v", m)
	}
	if n := s.AttachPointCount(); n != 3 {
		t.Errorf("%d attach points, want 3", n)
	}
	for name, want := range map[string]bool{"cat": true, "printf": true, "x": false, "system": false} {
		if s.Uses(name) != want {
			t.Errorf("Uses(%s) = %v", name, !want)
		}
	}
	for src, want := range map[string]bool{
		"BEGIN { } end { }": true, "BEGIN, END { }": true, "BEGIN { } i:s:1 { }": false, "": false,
	} {
		if got := Parse(src).OnlyBeginEnd(); got != want {
			t.Errorf("%q: OnlyBeginEnd %v", src, got)
		}
	}
}

func TestProviderName(t *testing.T) {
	for alias, want := range map[string]string{
		"t": "tracepoint", "tracepoint": "tracepoint", "k": "kprobe", "kr": "kretprobe", "u": "uprobe",
		"ur": "uretprobe", "U": "usdt", "p": "profile", "i": "interval", "s": "software", "h": "hardware",
		"w": "watchpoint", "aw": "asyncwatchpoint", "f": "fentry", "fr": "fexit", "kfunc": "fentry",
		"kretfunc": "fexit", "it": "iter", "rt": "rawtracepoint", "begin": "BEGIN", "End": "END",
		"TRACEPOINT": "tracepoint", "foo": "foo", "": "",
	} {
		if got := ProviderName(alias); got != want {
			t.Errorf("ProviderName(%q) = %q, want %q", alias, got, want)
		}
	}
}

func TestMapTruncatedName(t *testing.T) {
	for name, want := range map[string]string{
		"@": "AT_", "@m": "AT_m", "@exactly_12ch": "AT_exactly_12ch", "@thirteen_char": "AT_thirteen_cha",
	} {
		if got := MapTruncatedName(name); got != want {
			t.Errorf("MapTruncatedName(%q) = %q, want %q", name, got, want)
		}
	}
}
