package mapkey

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tracecar/collector/kernelmap"
	"tracecar/parser"
	"tracecar/parser/script"
)

// parts names the types of a key in the words of the tests.
func parts(names ...string) (out []script.KeyPart) {
	types := map[string]script.Type{
		"int":    {Kind: script.TypeInt, Bits: 64, Signed: true},
		"uint":   {Kind: script.TypeInt, Bits: 64},
		"str":    {Kind: script.TypeString},
		"comm":   {Kind: script.TypeString, Size: 16},
		"kstack": {Kind: script.TypeKernelStack, StackMode: "bpftrace"},
		"perf":   {Kind: script.TypeKernelStack, StackMode: "perf"},
		"ustack": {Kind: script.TypeUserStack, StackMode: "bpftrace"},
		"ksym":   {Kind: script.TypeKernelSymbol},
		"inet":   {Kind: script.TypeInet},
		"bool":   {Kind: script.TypeBool},
		"ptr":    {Kind: script.TypePointer},
		"?":      {},
	}
	for _, n := range names {
		t, ok := types[n]
		if !ok {
			panic(n)
		}
		out = append(out, script.KeyPart{Name: n, Type: t})
	}
	return out
}

// text shows keys as JSON, "?" before one that is ambiguous.
func text(t *testing.T, keys []Key) (out []string) {
	t.Helper()
	for _, k := range keys {
		b, err := json.Marshal(k.Parts)
		if err != nil {
			t.Fatal(err)
		}
		if k.Ambiguous {
			b = append([]byte("?"), b...)
		}
		out = append(out, string(b))
	}
	return out
}

func rowsOf(keys ...string) (rows []parser.Row) {
	for i, k := range keys {
		rows = append(rows, parser.Row{Key: k, Value: parser.Int(int64(i + 1))})
	}
	return rows
}

func TestResolveByTheScript(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		parts   []script.KeyPart
		key     string
		want    string
	}{
		{"an integer", "0.27.1", parts("int"), "-5", `[-5]`},
		{"all 64 bits", "0.23.2", parts("int"), "9223372036854775807", `["9223372036854775807"]`},
		{"unsigned printed negative", "0.23.2", parts("uint"), "-1", `["18446744073709551615"]`},
		{"a string, before spaces were dropped", "0.23.2", parts("str"), "a b, (c)", `["a b, (c)"]`},
		{"a string on 0.27 may have lost spaces", "0.27.1", parts("str"), "ab", `?["ab"]`},
		{"string and integer", "0.17.0", parts("comm", "int"), "a,1,2", `["a,1",2]`},
		{"integer and string", "0.17.0", parts("int", "comm"), "1,2,b", `[1,"2,b"]`},
		{"two strings, one comma", "0.17.0", parts("str", "str"), "a,b", `["a","b"]`},
		{"two strings, two commas", "0.17.0", parts("str", "str"), "a,b,c", `?["a,b,c"]`},
		{"not of its type", "0.17.0", parts("int"), "abc", `?["abc"]`},
		{"too few parts", "0.17.0", parts("int", "int"), "1", `?["1"]`},
		{"an empty string", "0.17.0", parts("str"), "", `[""]`},
		{"no type", "0.17.0", parts("?"), "12", `?["12"]`},
		{"no script", "0.17.0", nil, "12", `?["12"]`},
		{"a kernel stack", "0.17.0", parts("kstack"), "\n    a+1\n    b+2\n", `[{"frames":["a+1","b+2"]}]`},
		{"a kernel stack on 0.27", "0.27.1", parts("kstack"), "\na+1\nb+2\n", `[{"frames":["a+1","b+2"]}]`},
		{"an empty stack", "0.17.0", parts("kstack"), "", `[{"frames":[]}]`},
		{"stack and command", "0.23.2", parts("kstack", "comm"), "\n        a+1\n        b+2\n,tmux: x", `[{"frames":["a+1","b+2"]},"tmux: x"]`},
		{"command and stack", "0.23.2", parts("comm", "kstack"), "a,b,\n        a+1\n", `["a,b",{"frames":["a+1"]}]`},
		{"stack and command on 0.27", "0.27.1", parts("kstack", "comm"), "\na+1\n,bash", `?["\na+1\n,bash"]`},
		{"perf columns run together on 0.27", "0.27.1", parts("perf"), "\nffffa+1\n", `?["\nffffa+1\n"]`},
		{"an address", "0.27.1", parts("inet"), "10.0.0.1", `["10.0.0.1"]`},
		{"address and port", "0.27.1", parts("inet", "int"), "::1,443", `["::1",443]`},
		{"a boolean of 0.17", "0.17.0", parts("bool"), "1", `[true]`},
		{"a boolean of 0.23", "0.23.2", parts("bool"), "-1", `[true]`},
		{"a boolean of 0.27", "0.27.1", parts("bool"), "false", `[false]`},
		{"a pointer of 0.27", "0.27.1", parts("ptr"), "0x10", `[16]`},
		{"a symbol", "0.23.2", parts("ksym"), "do_exit", `["do_exit"]`},
		{"no version, a backslash", "", parts("int"), `\n`, `?["\\n"]`},
		{"no version, an integer", "", parts("int"), `7`, `[7]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := Resolve(Source{Dialect: DialectOf(c.version), Parts: c.parts}, rowsOf(c.key))
			if got := text(t, keys)[0]; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestUnclearScriptDecidesNothing(t *testing.T) {
	keys := Resolve(Source{Dialect: DialectOf("0.17.0"), Parts: parts("int"), Unclear: true}, rowsOf("1"))
	if !keys[0].Ambiguous {
		t.Error("a guessed type made an exact key")
	}
}

func table(rows ...kernelmap.Row) *kernelmap.Table {
	return &kernelmap.Table{Name: "@m", Keyed: true, Rows: kernelmap.RowsOf(rows)}
}

func kernelRow(value int64, key ...any) kernelmap.Row {
	r := kernelmap.Row{Value: parser.Int(value)}
	for _, k := range key {
		switch k := k.(type) {
		case string:
			r.Key = append(r.Key, kernelmap.Part{Value: parser.Text(k)})
		case int:
			r.Key = append(r.Key, kernelmap.Part{Value: parser.Int(int64(k))})
		case nil:
			r.Key = append(r.Key, kernelmap.Part{Opaque: true})
		}
	}
	return r
}

func TestResolveByTheKernel(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		parts   []script.KeyPart
		rows    []parser.Row
		table   *kernelmap.Table
		grown   bool
		want    []string
	}{
		{
			"spaces come back", "0.27.1", parts("str"), rowsOf("ab"),
			table(kernelRow(1, "a b")), false, []string{`["a b"]`},
		},
		{
			"keys that print alike are told apart by value", "0.27.1", parts("str"), rowsOf("ab", "ab"),
			table(kernelRow(2, "ab"), kernelRow(1, "a b")), false, []string{`["a b"]`, `["ab"]`},
		},
		{
			"alike in text and value: each once", "0.27.1", parts("str"),
			[]parser.Row{{Key: "ab", Value: parser.Int(1)}, {Key: "ab", Value: parser.Int(1)}},
			table(kernelRow(1, "ab"), kernelRow(1, "a b")), false, []string{`["a b"]`, `["ab"]`},
		},
		{
			"one row printed, two in the kernel", "0.27.1", parts("str"), rowsOf("ab"),
			table(kernelRow(1, "ab"), kernelRow(1, "a b")), false, []string{`?["ab"]`},
		},
		{
			"another value, but keys only came", "0.27.1", parts("str"), rowsOf("ab"),
			table(kernelRow(7, "a b")), true, []string{`["a b"]`},
		},
		{
			"keys only came, two print alike", "0.27.1", parts("str"), rowsOf("ab"),
			table(kernelRow(7, "a b"), kernelRow(1, "ab")), true, []string{`?["ab"]`},
		},
		{
			"the kernel does not have it", "0.27.1", parts("str"), rowsOf("ab"),
			table(kernelRow(1, "x")), false, []string{`?["ab"]`},
		},
		{
			"two ways to cut", "0.17.0", parts("str", "str"), rowsOf("a,b,c", "a,b,c"),
			table(kernelRow(1, "a,b", "c"), kernelRow(2, "a", "b,c")), false, []string{`["a,b","c"]`, `["a","b,c"]`},
		},
		{
			"a stack from JSON, a command from the kernel", "0.27.1", parts("kstack", "comm"), rowsOf("\na+1\n,tmux:server"),
			table(kernelRow(1, nil, "tmux: server"), kernelRow(2, nil, "bash")), false,
			[]string{`[{"frames":["a+1"]},"tmux: server"]`},
		},
		{
			"stacks that differ, commands that print alike", "0.27.1", parts("kstack", "comm"), rowsOf("\na+1\n,tmux:server"),
			table(kernelRow(1, nil, "tmux: server"), kernelRow(1, nil, "tmux:server")), false,
			[]string{"?[\"\\na+1\\n,tmux:server\"]"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := Source{Dialect: DialectOf(c.version), Parts: c.parts, Kernel: c.table, Later: c.grown}
			if diff := cmp.Diff(c.want, text(t, Resolve(src, c.rows))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTruncatedKernelCopyDecidesNothing(t *testing.T) {
	tab := table(kernelRow(1, "a b"))
	tab.Truncated = true
	keys := Resolve(Source{Dialect: DialectOf("0.27.1"), Parts: parts("str"), Kernel: tab}, rowsOf("ab"))
	if !keys[0].Ambiguous {
		t.Error("a row that was not read can print alike")
	}
}

// FuzzResolve checks that no text makes it fail, and that an exact key of one
// string part is the text itself.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"", "a,b", "\n a\n,b", "1,2,3", "(a,b)", "-9223372036854775808", ",,,,", "\x00\xff"} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(3))
	}
	shapes := [][]script.KeyPart{
		parts("str"), parts("str", "int"), parts("kstack", "comm"), parts("str", "str", "str"), parts("int", "int"), nil,
	}
	f.Fuzz(func(t *testing.T, key string, shape uint8) {
		ps := shapes[int(shape)%len(shapes)]
		for _, v := range []string{"0.17.0", "0.23.2", "0.27.1", ""} {
			keys := Resolve(Source{Dialect: DialectOf(v), Parts: ps}, rowsOf(key))
			if len(keys) != 1 || !keys[0].Ambiguous && len(keys[0].Parts) != len(ps) {
				t.Fatalf("%s: %v", v, text(t, keys))
			}
			if keys[0].Ambiguous && keys[0].Parts[0].Text() != key {
				t.Fatalf("%s: an ambiguous key is not bpftrace's text", v)
			}
		}
	})
}

func TestStacksThatLostTheirSpaces(t *testing.T) {
	kernel := script.KeyPart{Type: script.Type{Kind: script.TypeKernelStack, StackMode: "perf"}}
	user := script.KeyPart{Type: script.Type{Kind: script.TypeUserStack, StackMode: "bpftrace"}}
	perf := script.KeyPart{Type: script.Type{Kind: script.TypeUserStack, StackMode: "perf"}}
	for _, c := range []struct {
		part  script.KeyPart
		text  string
		frame string // "": ambiguous
	}{
		{kernel, "\n\tffffffff821ed4e6do_syscall_64+70\n", "ffffffff821ed4e6 do_syscall_64+70"},
		{kernel, "\n\tffffffffc0201000add_one+4([mod])\n", "ffffffffc0201000 add_one+4 ([mod])"},
		{kernel, "\n\t0000000000001000x+4\n", ""},
		{perf, "\n\t7fa6496432adabort+13(/lib/libc.so.6)\n", ""},
		{user, "\n__libc_read+13\n", "__libc_read+13"},
		{user, "\nos.(*File).Read+79\n", "os.(*File).Read+79"},
		{user, "\nstd::sort+79\n", "std::sort+79"},
		{user, "\nllvm::BasicBlock::getTerminatorconst+28\n", ""}, // was "getTerminator const"
		{user, "\noperatornew+28\n", ""},
		{user, "\nf(int,char)+1\n", ""},
		{user, "\nmain.F[go.shape.struct{aint}]+1\n", ""},
	} {
		src := Source{Dialect: DialectOf("0.27.1"), Parts: []script.KeyPart{c.part}}
		k := Resolve(src, []parser.Row{{Key: c.text, Value: parser.Int(1)}})[0]
		if k.Ambiguous != (c.frame == "") {
			t.Errorf("%q: ambiguous %v", c.text, k.Ambiguous)
			continue
		}
		if !k.Ambiguous && k.Parts[0].Frames()[0] != c.frame {
			t.Errorf("%q: %q, not %q", c.text, k.Parts[0].Frames()[0], c.frame)
		}
		if parts, ok := Reading("0.27.1", src.Parts, c.text); !ok || parts[0].Kind() != parser.KindFrames {
			t.Errorf("%q: cannot be shown: %v", c.text, parts)
		}
	}
}

// Two stacks and a comm that lost its space: the kernel tells the comm, the
// types where the stacks end.
func TestSeveralOpaquePartsByTheKernel(t *testing.T) {
	s := script.Parse("profile:hz:99 { @[kstack, comm, ustack] = count(); }")
	src := Source{Dialect: DialectOf("0.27.1"), Parts: s.Maps[0].Keys}
	opaque := kernelmap.Part{Opaque: true}
	src.Kernel = &kernelmap.Table{Name: "@", Keyed: true, Rows: kernelmap.RowsOf([]kernelmap.Row{
		{Key: []kernelmap.Part{opaque, {Value: parser.Text("tmux: server")}, opaque}, Value: parser.Int(3)},
	})}
	k := Resolve(src, []parser.Row{{Key: "\ndo_idle+1\n,tmux:server,\nmain+2\n_start+3\n", Value: parser.Int(3)}})[0]
	if k.Ambiguous || k.Parts[1].Text() != "tmux: server" || len(k.Parts[0].Frames()) != 1 || len(k.Parts[2].Frames()) != 2 {
		t.Errorf("%+v", k)
	}
	// A C++ frame keeps its mark: its own spaces are nowhere.
	k = Resolve(src, []parser.Row{{Key: "\ndo_idle+1\n,tmux:server,\nf(int,char)+2\n", Value: parser.Int(3)}})[0]
	if !k.Ambiguous {
		t.Errorf("%+v", k)
	}
}
