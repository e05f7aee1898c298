package script

import (
	"strings"
	"testing"
)

// dresses are ways to write a call of cat, some accepted by a version of
// bpftrace and some by none.
var dresses = []string{
	`BEGIN { cat("x"); }`,
	"BEGIN { cat /* c */ // d\n (\"x\"); }",
	`BEGIN { print(1); } END { cat("x") }`,
	`BEGIN { } END /cat("x")/ { }`,
	"BEGIN { /* \" */ cat(\"x\"); /* \" */ }",
	"BEGIN { print(\"/*\"); cat(\"x\"); print(\"*/\"); }",
	"BEGIN { print(\"\\\\\"); cat(\"x\"); print(\"\\\"\"); }",
	"BEGIN { // \\\n cat(\"x\"); }",
	"BEGIN { print(\"a\n\"); cat(\"x\"); print(\"b\"); }",
	"#define C cat(\"x\")\nBEGIN { C; }",
	"#define C cat\n#define D C(\"x\")\nBEGIN { D; }",
	"#define D C(\"x\")\n#define C cat\nBEGIN { D; }",
	"#define C \"; cat(\"x\"); \"\nBEGIN { print(C); }",
	"#define C print(\"\nBEGIN { C \"); cat(\"x\"); }",
	"#define O /*\nBEGIN { O cat(\"x\"); }",
	"#define C ca\\\nt\nBEGIN { C(\"x\"); }",
	"#if 1\n#define C cat(\"x\")\n#endif\nBEGIN { C; }",
	"/* a */ # define C cat(\"x\")\nBEGIN { C; }",
	"#!/usr/bin/bpftrace\nBEGIN {\n#! } /*\n cat(\"x\"); }",
	"struct a { int b; /* } */ }; /* */ BEGIN { cat(\"x\"); } /* */",
	"struct a { /* } BEGIN { cat(\"x\"); } struct b { */ };",
	"struct a { int b; // }\n int c; } BEGIN { cat(\"x\"); }",
	"enum a { A, /* } */ B }; BEGIN { cat(\"x\"); }",
	`BEGIN { $x = 1 ? cat("x") : 2; }`,
	`BEGIN { @[cat("x")] = 1; }`,
	`BEGIN { @a = hist(cat("x")); }`,
	`BEGIN { $x[cat("x")] = 1; }`,
	`BEGIN { if (0) { } else if (cat("x")) { } }`,
	`BEGIN { unroll(2) { unroll(2) { cat("x"); } } }`,
	`BEGIN { while (cat("x")) { } }`,
	`BEGIN { for ($i : 0..cat("x")) { } }`,
	`BEGIN { for ($kv : @m) { cat("x"); } }`,
	`BEGIN { $x = { cat("x"); 1 }; }`,
	`BEGIN { $x = (a=1, b=cat("x")); }`,
	`BEGIN { $x = (1, (2, cat("x"))); }`,
	`BEGIN { $x = -!~cat("x"); }`,
	`BEGIN { $x = (uint64)cat("x"); }`,
	`BEGIN { $x = (uint8[cat("x")])1; }`,
	`BEGIN { $x = (typeof(cat("x")))1; }`,
	`BEGIN { let $x : typeof(cat("x")); }`,
	`BEGIN { print(sizeof(cat("x"))); }`,
	`BEGIN { cat("x").a->b[1]; }`,
	`BEGIN { return cat("x"); }`,
	`BEGIN { if comptime (1) { cat("x"); } }`,
	`macro m() { cat("x"); } BEGIN { m(); }`,
	`macro m() { cat } BEGIN { m()("x"); }`,
	`fn f(): void { cat("x"); } BEGIN { f(); }`,
	`fn f($a : uint8[cat("x")]): void { } BEGIN { f(1); }`,
	`let @m = cat("x"); BEGIN { }`,
	`config = { a = cat("x") } BEGIN { }`,
	`BEGIN { config = { a = 1 }; cat("x"); }`,
	`uprobe:/bin/a:b[c]/*{ */ { cat("x"); } /* }*/`,
	`uprobe:/bin/a:b/*{ } */{ cat("x"); }`,
	`uprobe:/bin/a:"b"/*{ } */{ cat("x"); }`,
	`uprobe:/bin/a:"b"//{ cat("x"); }` + "\n{ }",
	`uprobe:/bin/a:b\ { cat("x"); } k:c { }`,
	`BEGIN /1/ /* { */ { cat("x"); }`,
	`BEGIN /1/ // {` + "\n" + `{ cat("x"); }`,
	`BEGIN { $x = 4 / 2; cat("x"); $y = 1 / 3; }`,
	`BEGIN { a(1; cat("x"); }`,
	`BEGIN { @m[1 = cat("x"); }`,
	`BEGIN { ] cat("x"); }`,
	`BEGIN { } } cat("x");`,
	`{ cat("x"); }`,
	`/1/ { cat("x"); }`,
	`, { cat("x"); }`,
	`BEGIN { print(1) cat("x") }`,
	`BEGIN { $x = ` + strings.Repeat("(", 1000) + `cat("x")` + strings.Repeat(")", 1000) + `; }`,
	`BEGIN { ` + strings.Repeat("{", 1000) + `cat("x");` + strings.Repeat("}", 1000) + ` }`,
	`BEGIN { $x = ` + strings.Repeat("-", 1001) + `cat("x"); }`,
	`BEGIN { $x = $y` + strings.Repeat("[1]", 1000) + `[cat("x")]; }`,
	"BEGIN { cat\x00(\"x\"); }",
	"\ufeffBEGIN { cat(\"x\"); }",
	"BEGIN { cat\u00a0(\"x\"); }",
}

// TestDresses checks that no way to write a call hides it: it is listed, or
// something is unclear.
func TestDresses(t *testing.T) {
	for _, src := range dresses {
		if s := Parse(src); !s.Uses("cat") && len(s.Unclear) == 0 {
			t.Errorf("cat is hidden in %q:\n%s", src, outline(s))
		}
	}
}

// TestDressesLive asks real bpftraces about the ones that are not plainly
// listed: they refuse them, or versions read them differently.
func TestDressesLive(t *testing.T) {
	list := bpftraces(t)
	for _, src := range dresses {
		s := Parse(src)
		if len(s.Unclear) == 0 || len(src) > 1000 {
			continue
		}
		if strings.Contains(src, "uprobe") || differs(s) {
			continue
		}
		for _, bpftrace := range list {
			if accepts(t, bpftrace, src) {
				t.Errorf("%s accepts %q: unclear %v", bpftrace, src, s.Unclear)
			}
		}
	}
}

// differs reports whether all that is unclear is so because versions differ.
func differs(s *Script) bool {
	for _, u := range s.Unclear {
		if !strings.Contains(u.Message, "comment in a C") && !strings.Contains(u.Message, "condition") {
			return false
		}
	}
	return true
}
