package kernelmap

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tracecar/parser"
	"tracecar/parser/script"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite testdata/golden from live runs")

// TestLiveAgreesWithJSON runs every case on every bpftrace and compares what
// the kernel held in the end with what bpftrace printed.
func TestLiveAgreesWithJSON(t *testing.T) {
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			for _, c := range testCases(t) {
				t.Run(c.name, func(t *testing.T) {
					if !c.runs(version) {
						t.Skip("skip: the script is not for ", version)
					}
					done := make(chan struct{})
					if strings.Contains(c.script, "interval") {
						load(done)
					}
					_, wait := start(t, path, c.script, nil)
					r := wait()
					close(done)
					if *update && !strings.Contains(c.script, "tracepoint") { // those see the whole host
						writeGolden(t, c, version, r)
					}
					agree(t, c, version, r.raws, r.json)
				})
			}
		})
	}
}

// TestGoldenAgreesWithJSON does the same on recorded runs, without bpftrace.
func TestGoldenAgreesWithJSON(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.raws")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	cases := map[string]testCase{}
	for _, c := range testCases(t) {
		cases[c.name] = c
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".raws")
		t.Run(name, func(t *testing.T) {
			base, version, _ := strings.Cut(name, "-")
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			raws, err := ReadRaws(bytes.NewReader(b), 0)
			if err != nil {
				t.Fatal(err)
			}
			json, err := os.ReadFile(strings.TrimSuffix(f, ".raws") + ".jsonl")
			if err != nil {
				t.Fatal(err)
			}
			agree(t, cases[base], version, raws, json)
		})
	}
}

// load makes system calls on every CPU until done is closed.
func load(done <-chan struct{}) {
	for cpu := range runtime.NumCPU() {
		go func() {
			runtime.LockOSThread() // the thread ends with the goroutine
			var set unix.CPUSet
			set.Set(cpu)
			_ = unix.SchedSetaffinity(0, &set)
			for {
				select {
				case <-done:
					return
				default:
					unix.Getppid()
					var st unix.Stat_t
					_ = unix.Stat("/", &st)
				}
			}
		}()
	}
}

func writeGolden(t *testing.T, c testCase, version string, r run) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteRaws(&b, r.raws); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata/golden", c.name+"-"+version)
	for ext, data := range map[string][]byte{".raws": b.Bytes(), ".jsonl": r.json} {
		if err := os.WriteFile(name+ext, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// agree fails unless each row decoded is one row printed, key and value, and
// the other way round.
func agree(t *testing.T, c testCase, version string, raws []Raw, json []byte) {
	t.Helper()
	tables, err := Decode(raws, script.Parse(c.script), version)
	if err != nil {
		t.Fatal(err)
	}
	if !tables.Verified {
		t.Errorf("%s is not verified", version)
	}
	for name, why := range tables.Skipped {
		t.Errorf("%s is left out: %s", name, why)
	}
	printed := states(t, version, json)
	for _, table := range tables.Maps {
		st := printed[table.Name]
		if st == nil {
			if len(table.Rows) > 0 {
				t.Errorf("%s: not printed, but the kernel has %s", table.Name, show(table.Rows))
			}
			continue
		}
		delete(printed, table.Name)
		used := make([]bool, len(st.Rows))
		for _, row := range table.Rows {
			found := false
			for i, p := range st.Rows {
				if used[i] || !Match(version, row.Key, p.Key) || !sameValue(version, row, p.Value) {
					continue
				}
				if text, ok := Render(version, row.Key); ok && text != p.Key && !unsureKey(row.Key) {
					t.Errorf("%s: Render gives %q, bpftrace %q", table.Name, text, p.Key)
				}
				used[i], found = true, true
				break
			}
			if !found {
				t.Errorf("%s: no such row printed: %s\nprinted: %+v", table.Name, show([]Row{row}), st.Rows)
			}
		}
		for i, p := range st.Rows {
			if !used[i] {
				t.Errorf("%s: only printed: %q = %v", table.Name, p.Key, p.Value)
			}
		}
	}
	for name := range printed {
		t.Errorf("%s: printed, but not decoded", name)
	}
}

func unsureKey(parts []Part) bool {
	for _, p := range parts {
		if p.Unsure || p.form == formPointer {
			return true
		}
	}
	return false
}

func show(rows []Row) string {
	var b strings.Builder
	for _, r := range rows {
		for _, p := range r.Key {
			fmt.Fprintf(&b, "%v(opaque %v, unsure %v) ", p.Value, p.Opaque, p.Unsure)
		}
		fmt.Fprintf(&b, "= %v %v (opaque %v, unsure %v)\n", r.Value, r.Value.Buckets(), r.Opaque, r.Unsure)
	}
	return b.String()
}

// sameValue knows the few places where bpftrace's JSON is wrong about a value.
func sameValue(version string, row Row, printed parser.Value) bool {
	if row.Opaque || row.Value.Equal(printed) {
		return true
	}
	if bits(row.Value) != 0 && printed.Kind() == parser.KindText {
		// From 0.24 on integers beyond 2^53 are printed as strings.
		return fmt.Sprint(signed(row.Value)) == printed.Text() || fmt.Sprint(bits(row.Value)) == printed.Text()
	}
	old := !strings.HasPrefix(version, "0.27")
	switch row.Value.Kind() {
	case parser.KindBuckets:
		return sameBuckets(row.Value.Buckets(), printed.Buckets(), old)
	case parser.KindText: // a buffer
		if old {
			return bufferText(row.Value.Text()) == printed.Text()
		}
		var b []byte
		for _, e := range printed.Elems() {
			n, _ := e.Int64()
			b = append(b, byte(n))
		}
		return string(b) == row.Value.Text()
	case parser.KindInt, parser.KindUint: // 0.17 prints pointers as signed
		return bits(row.Value) == bits(printed) && (row.Unsure || old)
	}
	return false
}

func signed(v parser.Value) int64 { n, _ := v.Int64(); return n }

func bits(v parser.Value) uint64 {
	if n, ok := v.Int64(); ok {
		return uint64(n)
	}
	u, _ := v.Uint64()
	return u
}

// sameBuckets allows two wrong labels of 0.17 and 0.23: the top bucket of
// hist, and where the overflow of lhist begins.
func sameBuckets(a, b []parser.Bucket, old bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		top := !a[i].HasMax && i == len(a)-1
		if !old || !top || a[i].Count != b[i].Count {
			return false
		}
	}
	return true
}
