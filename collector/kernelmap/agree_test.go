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
			t.Parallel() // bpftrace mostly waits
			for _, c := range testCases(t) {
				t.Run(c.name, func(t *testing.T) {
					if !c.runs(version) {
						t.Skip("skip: the script is not for ", version)
					}
					r := runCase(t, c, path)
					for range 9 { // on a busy host a script can be over before its maps are found
						if !missed(t, c, version, r.raws) {
							break
						}
						r = runCase(t, c, path)
					}
					if *update && !strings.Contains(c.script, "tracepoint") { // those see the whole host
						writeGolden(t, c, version, r)
					}
					agree(t, c, version, r.raws, r.json)
				})
			}
		})
	}
}

func runCase(t *testing.T, c testCase, path string) run {
	t.Helper()
	if strings.Contains(c.script, "interval") {
		done := make(chan struct{})
		defer close(done)
		load(done)
	}
	_, wait := start(t, path, c.script, nil)
	return wait()
}

// missed tells whether the Holder found none of a map that the script has.
func missed(t *testing.T, c testCase, version string, raws []Raw) bool {
	t.Helper()
	tables, err := Decode(raws, script.Parse(c.script), version)
	if err != nil {
		t.Fatal(err)
	}
	for _, why := range tables.Skipped {
		if why == "the kernel holds no such map" {
			return true
		}
	}
	return false
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
			raws, err := ReadRaws(b)
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

// agree fails unless each map is decoded, each of its rows is one row printed,
// and the other way round, and leaves no key open.
func agree(t *testing.T, c testCase, version string, raws []Raw, json []byte) {
	t.Helper()
	tables, err := Decode(raws, script.Parse(c.script), version)
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range tables.Skipped {
		t.Errorf("%s is left out: %s", name, why)
	}
	printed := states(t, version, json)
	for _, table := range tables.Maps {
		if st := printed[table.Name]; st != nil {
			for i, j := range Join(version, &table, st.Rows) {
				if j.Key == nil {
					t.Errorf("%s: Join leaves %q open", table.Name, st.Rows[i].Key)
				}
			}
		}
	}
	sameRows(t, version, tables, printed)
	for name := range printed {
		t.Errorf("%s: printed, but not decoded", name)
	}
}

// sameRows fails unless each row decoded is one row printed, key and value, and
// the other way round. It takes the maps that were decoded out of printed, and
// tells how many rows they have.
func sameRows(t *testing.T, version string, tables *Tables, printed map[string]*parser.MapState) (rows int) {
	t.Helper()
	if !tables.Verified {
		t.Errorf("%s is not verified", version)
	}
	d, _ := dialectOf(version)
	for _, table := range tables.Maps {
		rows += table.Rows.Len()
		st := printed[table.Name]
		if st == nil {
			if table.Rows.Len() > 0 {
				t.Errorf("%s: not printed, but the kernel has %s", table.Name, show(table.Rows))
			}
			continue
		}
		delete(printed, table.Name)
		used := make([]bool, len(st.Rows))
		for _, row := range table.Rows.All() {
			found := false
			for i, p := range st.Rows {
				if used[i] || !Match(version, row.Key, p.Key) || !d.agrees(row, p.Value) {
					continue
				}
				if text, ok := Render(version, row.Key); ok && text != p.Key && !unsureKey(row.Key) {
					t.Errorf("%s: Render gives %q, bpftrace %q", table.Name, text, p.Key)
				}
				used[i], found = true, true
				break
			}
			if !found {
				t.Errorf("%s: no such row printed: %s\nprinted: %+v", table.Name, show(RowsOf([]Row{row})), st.Rows)
			}
		}
		for i, p := range st.Rows {
			if !used[i] {
				t.Errorf("%s: only printed: %q = %v", table.Name, p.Key, p.Value)
			}
		}
	}
	return rows
}

func unsureKey(parts []Part) bool {
	for _, p := range parts {
		if p.Unsure || p.form == formPointer {
			return true
		}
	}
	return false
}

func show(rows Rows) string {
	var b strings.Builder
	for _, r := range rows.All() {
		for _, p := range r.Key {
			fmt.Fprintf(&b, "%v(opaque %v, unsure %v) ", p.Value, p.Opaque, p.Unsure)
		}
		fmt.Fprintf(&b, "= %v %v (opaque %v, unsure %v)\n", r.Value, r.Value.Buckets(), r.Opaque, r.Unsure)
	}
	return b.String()
}
