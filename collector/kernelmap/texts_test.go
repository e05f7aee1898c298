package kernelmap

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tracecar/parser/script"

	"golang.org/x/sys/unix"
)

// paths are names that this process asks for: what an attacker, or a user in
// a hurry, may call a file.
var paths = []string{
	"/km plain", "/km a b", "/km  a  b", "/km a,b", "/km a,b,1", "/km (x)", "(km)", "( km )", "/km \"q\"", `/km \x41 \n \\`, "/km\nline", "/km\ttab",
	"/km café", "/km bad\xff\xfe\x80", "/km \x01\x1f\x7f", "/km [1,2]", "/km \xed\xa0\x80", "/km {\"type\": \"map\"}", "km", "k m", "/km \uffff", "/km @c[1]: 2",
	"/km " + strings.Repeat("long ", 40),
}

// TestLiveKeysAreTheBytesSeen: the keys are the bytes that went through the
// system call, on every version, up to bpftrace's limit for strings.
func TestLiveKeysAreTheBytesSeen(t *testing.T) {
	src := fmt.Sprintf(`tracepoint:syscalls:sys_enter_newfstatat,tracepoint:syscalls:sys_enter_newstat /pid == %d/ {
		@f[str(args->filename)] = count(); @two[str(args->filename), comm] = count(); @n[tid - tid, str(args->filename), (int64)-5] = count(); @h[str(args->filename), 1] = hist(5);
	}`, os.Getpid())
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			stop := make(chan struct{})
			h, wait := start(t, path, src, stop)
			complete := func() bool {
				for _, p := range paths {
					var st unix.Stat_t
					_ = unix.Stat(p, &st)
				}
				raws, err := h.Dump(t.Context(), 0)
				return err == nil && len(raws) == 4 && raws[0].Count >= len(paths) && raws[3].Count >= len(paths)
			}
			until(t, "all paths", complete)
			close(stop)
			r := wait()
			tables, err := Decode(r.raws, script.Parse(src), version)
			if err != nil || len(tables.Maps) != 4 {
				t.Fatal(err, tables.Skipped)
			}
			printed := states(t, version, r.json)
			for _, table := range tables.Maps {
				at := 0
				if table.Name == "@n" {
					at = 1
				}
				exact, seen := map[string]bool{}, map[string]bool{}
				for _, row := range table.Rows.All() {
					seen[row.Key[at].Value.Text()] = true
				}
				for i, j := range Join(version, &table, printed[table.Name].Rows) {
					if j.Key == nil {
						t.Errorf("%s: Join leaves %q open", table.Name, printed[table.Name].Rows[i].Key)
						continue
					}
					exact[j.Key[at].Value.Text()] = true
				}
				for _, p := range paths {
					if strings.HasPrefix(version, "0.17") {
						p = p[:min(len(p), 63)]
					}
					if !seen[p] || !exact[p] {
						t.Errorf("%s: %q is missing: in the kernel %v, joined %v", table.Name, p, seen[p], exact[p])
					}
				}
			}
		})
	}
}
