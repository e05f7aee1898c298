package decode

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"tracecar/parser"
)

func TestDecoders(t *testing.T) {
	text, num := parser.Text, parser.Int
	tests := []struct {
		spec     string
		in, want parser.Value
	}{
		{"majorminor", num(8<<20 | 17), text("8:17")},
		{"majorminor", num(0), text("0:0")},
		{"majorminor", num(-1), num(-1)},
		{"majorminor", text("sda"), text("sda")},
		{"errno", num(2), text("ENOENT")},
		{"errno", num(-13), text("EACCES")},
		{"errno", text("-11"), text("EAGAIN")},
		{"errno", num(0), num(0)},
		{"errno", num(4096), num(4096)},
		{"signal", num(9), text("SIGKILL")},
		{"signal", num(99), num(99)},
		{"user", num(0), text("root")},
		{"uid", num(4294967294), num(4294967294)},
		{"gid", text("0"), text("root")},
		{"user", text("../etc"), text("../etc")},
		{"hex", num(255), text("0xff")},
		{"hex", num(-1), text("0xffffffffffffffff")},
		{"dec", text("0xff"), num(255)},
		{"dec", text("x"), text("x")},
		{"uint", num(-1), num(4294967295)},
		{"uint", num(-1 << 40), parser.Uint(1<<64 - 1<<40)},
		{"bool", num(2), parser.Bool(true)},
		{"string", text(" a b \x00junk"), text("a b")},
		{"dname", text("\x07example\x03com\x00"), text("example.com")},
		{"dname", text("\x3fno"), text("\x3fno")},
		{"inet", text("127.0.0.1"), text("127.0.0.1")},
		{"inet", text("::ffff:10.0.0.1"), text("10.0.0.1")},
		{"inet", text("0x7f000001"), text("127.0.0.1")},
		{"inet", text("\x0a\x00\x00\x01"), text("10.0.0.1")},
		{"inet_ip", text("nowhere"), text("nowhere")},
		{"tcp_state", num(10), text("LISTEN")},
		{"ip_protocol", num(17), text("udp")},
		{"ether_protocol", num(0x86dd), text("ipv6")},
		{"address_family", num(10), text("inet6")},
		{"softirq", num(3), text("net_rx")},
		{"softirq", text("3"), text("net_rx")},
		{"static_map:0=read,1=write", num(1), text("write")},
		{"static_map:0=read,1=write", num(2), num(2)},
		{"static_map:a b=c:d", text("a b"), text("c:d")},
		{"regexp:^nginx", text("nginx: worker"), text("nginx")},
		{"regexp:^(\\w+):", text("nginx: worker"), text("nginx")},
		{"regexp:^(a|b)$", text("c"), text("c")},
		{"string|regexp:(a|b)", text(" xb "), text("b")},
		{"container", text("/docker/" + strings.Repeat("0f", 32)), text(strings.Repeat("0f", 32))},
		{"container", text("/user.slice"), text("/user.slice")},
		{"pod", text("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12345678_1234_1234_1234_123456789abc.slice/x"), text("12345678-1234-1234-1234-123456789abc")},
		{"comm", num(1 << 30), num(1 << 30)},
		{"pid_container", num(1 << 30), num(1 << 30)},
		{"ksym", num(5), num(5)},
		{"cgroup", text("no"), text("no")},
		{"ifname", num(1), text("lo")},
		{"ifname", num(1 << 30), num(1 << 30)},
	}
	for _, tt := range tests {
		d, err := New(tt.spec)
		if err != nil {
			t.Errorf("%s: %v", tt.spec, err)
			continue
		}
		for range 2 { // caches too
			if got := d.Decode(tt.in); !got.Equal(tt.want) {
				t.Errorf("%s of %s: %s, want %s", tt.spec, tt.in.AppendJSON(nil), got.AppendJSON(nil), tt.want.AppendJSON(nil))
			}
		}
	}
}

func TestByArchitecture(t *testing.T) {
	want := map[string]int64{"amd64": 257, "arm64": 56}[runtime.GOARCH]
	if want == 0 {
		t.Skip("skip: no table of system calls for " + runtime.GOARCH)
	}
	d, _ := New("syscall")
	if got := d.Decode(parser.Int(want)).Text(); got != "openat" {
		t.Errorf("%d is %q", want, got)
	}
	if got := d.Decode(parser.Int(99999)); got.Text() != "" {
		t.Errorf("99999 is %q", got.Text())
	}
}

func TestMistakes(t *testing.T) {
	for spec, want := range map[string]string{
		"":                     "there is no decoder",
		"nonsense":             "there are ",
		"errno:1":              "has no argument",
		"regexp":               "wants an argument: regexp:expression",
		"regexp:(":             "missing closing",
		"static_map:a":         "from=to",
		"static_map:1=a,1=b":   "each once",
		"errno|nonsense":       `"nonsense"`,
		"nonsense|regexp:^(a)": `"nonsense"`,
	} {
		if _, err := New(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", spec, err, want)
		}
	}
	for _, name := range Names() {
		if _, err := New(name); err != nil && !strings.Contains(err.Error(), "wants an argument") {
			t.Error(err)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Skip("skip: no /proc")
	}
	d, _ := New("comm")
	if got := d.Decode(parser.Int(int64(os.Getpid()))).Text(); got != strings.TrimSpace(string(comm)) {
		t.Errorf("this process is %q", got)
	}
}

func TestCgroupPaths(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a.slice", "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := &cgroups{find: func() (string, bool) { return root, true }}
	c.scan()
	found := map[string]bool{}
	for id, path := range c.paths {
		found[path] = c.Decode(parser.Uint(id)).Text() == path
	}
	if len(found) != 3 || !found["/"] || !found["/a.slice/b"] {
		t.Errorf("%v", found)
	}
	if v := c.Decode(parser.Int(1)); v.Kind() != parser.KindInt {
		t.Error("an id that is not known is given a path")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c.scanned = time.Time{}
	c.Decode(parser.Int(1))
	if len(c.paths) != 3 {
		t.Error("a cgroup that has gone loses its path")
	}
}

func TestKernelSymbols(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kallsyms")
	if err := os.WriteFile(path, []byte("ffffffff81000100 T second\nffffffff81000000 T first\nffffffff81000180 d data\n0000000000000000 T hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &kernelSymbols{path: path}
	for addr, want := range map[uint64]string{
		0xffffffff81000000: "first", 0xffffffff81000104: "second+4", 0xffffffff810000ff: "first+255",
		0xffffffff80ffffff: "", 0xffffffffffffffff: "",
	} {
		if got := k.Decode(parser.Uint(addr)).Text(); got != want {
			t.Errorf("%x is %q, want %q", addr, got, want)
		}
	}
	if got := k.Decode(parser.Text("0xffffffff81000104")).Text(); got != "second+4" {
		t.Errorf("as text: %q", got)
	}
}

func TestServices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(path, []byte("# comment\nweb-udp 443/udp\nhttps 443/tcp # x\nbad\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &services{path: path}
	if got := s.Decode(parser.Int(443)).Text(); got != "https" {
		t.Errorf("443 is %q", got)
	}
	if got := s.Decode(parser.Int(1)); got.Kind() != parser.KindInt {
		t.Error("a port without a name gets one")
	}
}

func TestCacheIsBounded(t *testing.T) {
	looked := 0
	c := &cache{look: func(key string) (string, bool) { looked++; return "x" + key, true }}
	for i := range 3 * cacheSize {
		c.Decode(parser.Text(strconv.Itoa(i)))
		c.Decode(parser.Text(strconv.Itoa(i)))
		if len(c.entries) > cacheSize {
			t.Fatalf("%d entries", len(c.entries))
		}
	}
	if looked != 3*cacheSize {
		t.Errorf("looked up %d times", looked)
	}
}
