package kernelmap

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tracecar/parser/script"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shortLived = `BEGIN { @c["a b", 1] = count(); @c["a  b", 1] = count(); @h["x y"] = hist(5); exit(); }`

// TestLiveHoldNeverMisses starts scripts that end at once, on busy CPUs.
// TRACECAR_STRESS sets how many per bpftrace.
func TestLiveHoldNeverMisses(t *testing.T) {
	runs := 3
	if n, err := strconv.Atoi(os.Getenv("TRACECAR_STRESS")); err == nil {
		runs = n
	}
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			done := make(chan struct{})
			load(done)
			load(done)
			defer close(done)
			for i := range runs {
				_, wait := start(t, path, shortLived, nil)
				r := wait()
				tables, err := Decode(r.raws, script.Parse(shortLived), version)
				if err != nil || len(tables.Maps) != 2 || tables.Maps[0].Rows.Len() != 2 || tables.Maps[1].Rows.Len() != 1 {
					t.Fatalf("run %d: %v %+v", i, err, tables)
				}
			}
		})
	}
}

// endless counts until it is told to end.
const endless = `BEGIN { @only = 1; } interval:ms:10 { @n = count(); @k["a b"] = sum(2); }`

// until polls for a condition, with a deadline that only a hang meets.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never happened: ", what)
		}
	}
}

// count returns the value of @n in a dump, 0 while there is none.
func count(t *testing.T, h *Holder, version string) int64 {
	t.Helper()
	raws, err := h.Dump(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Decode(raws, script.Parse(endless), version)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tables.Maps {
		if m.Name == "@n" && m.Rows.Len() == 1 {
			n, _ := m.Rows.At(0).Value.Int64()
			return n
		}
	}
	return 0
}

// TestLiveDump reads a running bpftrace again and again, with another one
// beside it, and once more after it was killed.
func TestLiveDump(t *testing.T) {
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			stop := make(chan struct{})
			other, wait := start(t, path, endless, stop)

			cmd := exec.Command(path, "-f", "json", "-e", endless)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			h := Hold(context.Background(), cmd.Process.Pid)
			until(t, "three maps", func() bool { return len(h.Names()) == 3 })
			h.Attached()
			h.Attached()
			until(t, "a count", func() bool { return count(t, h, version) > 0 })
			first := count(t, h, version)
			until(t, "a larger count", func() bool { return count(t, h, version) > first })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			last := count(t, h, version)
			if last <= first || count(t, h, version) != last {
				t.Errorf("after the end: %d, then %d", last, count(t, h, version))
			}
			if names := h.Names(); !slices.Equal(names, []string{"AT_k", "AT_n", "AT_only"}) {
				t.Errorf("held %v", names) // and none of the other bpftrace's
			}
			for range 2 {
				if err := h.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.Dump(context.Background(), 0); err == nil {
				t.Error("Dump of a closed Holder gives no error")
			}
			until(t, "a count of the other", func() bool { return count(t, other, version) > 0 }) // now it takes signals
			close(stop)
			if r := wait(); len(r.raws) != 3 {
				t.Errorf("the other bpftrace: %d maps", len(r.raws))
			}
		})
	}
}

// TestLiveAttachedComesEarly: 0.17 and 0.23 say attached_probes before they
// make their maps; watching must not end then.
func TestLiveAttachedComesEarly(t *testing.T) {
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, "-f", "json", "-o", "/dev/fd/3", "-e", `tracepoint:syscalls:sys_enter_sync* { @ = count(); @x[1] = 1; } interval:ms:10 { @n = count(); }`)
			cmd.ExtraFiles = []*os.File{w}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			hang := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
			defer hang.Stop()
			h := Hold(context.Background(), cmd.Process.Pid)
			defer h.Close()
			line, err := bufio.NewReader(r).ReadString('\n')
			if err != nil || !strings.Contains(line, "attached_probes") {
				t.Errorf("%q, %v", line, err)
			}
			h.Attached()
			until(t, "three maps", func() bool { return len(h.Names()) == 3 })
			<-h.done // watching ends though bpftrace lives
			if raws, err := h.Dump(context.Background(), 0); err != nil || len(raws) != 3 {
				t.Errorf("%d maps, %v", len(raws), err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			r.Close()
		})
	}
}

func TestLiveDumpBounds(t *testing.T) {
	src := `BEGIN { @a[1] = 1; @a[2] = 1; @a[3] = 1; @a[4] = 1; @b[1] = count(); exit(); }`
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			h, wait := start(t, path, src, nil)
			until(t, "two maps", func() bool { return len(h.Names()) == 2 })
			done, cancel := context.WithCancel(context.Background())
			cancel()
			if _, err := h.Dump(done, 0); err == nil {
				t.Error("a cancelled Dump gives no error")
			}
			// wait closes h: read at most 2 of 4 once BEGIN has run.
			var raws []Raw
			until(t, "four entries", func() bool {
				all, err := h.Dump(context.Background(), 0)
				return err == nil && all[0].Count == 4
			})
			raws, err := h.Dump(context.Background(), 2)
			if err != nil {
				t.Fatal(err)
			}
			tables, err := Decode(raws, script.Parse(src), version)
			if err != nil || len(tables.Maps) != 2 {
				t.Fatal(err, tables)
			}
			if a := tables.Maps[0]; a.Rows.Len() != 2 || !a.Truncated {
				t.Errorf("%d rows, truncated %v", a.Rows.Len(), a.Truncated)
			}
			if b := tables.Maps[1]; b.Rows.Len() != 1 || b.Truncated {
				t.Errorf("%d rows, truncated %v", b.Rows.Len(), b.Truncated)
			}
			wait()
		})
	}
}

func TestHoldOfNoProcess(t *testing.T) {
	h := Hold(context.Background(), 1<<30)
	<-h.done // watching ends by itself
	if raws, err := h.Dump(context.Background(), 0); len(raws) != 0 || err != nil && os.Geteuid() == 0 {
		t.Errorf("%v, %v", raws, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestHoldEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	h := Hold(ctx, os.Getpid())
	cancel()
	<-h.done
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

// TestPidReuse: a process that has the pid but not the start time is another.
func TestPidReuse(t *testing.T) {
	p := processOf(os.Getpid())
	if p.gone() {
		t.Fatal("this process has ended?")
	}
	p.start += "1"
	if !p.gone() {
		t.Error("a process with another start time is taken for it")
	}
	if _, err := p.mapIDs(); err == nil {
		t.Error("maps of a stranger are claimed")
	}
}

// TestLiveOneByOne reads the same map with and without batches.
func TestLiveOneByOne(t *testing.T) {
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			h, wait := start(t, path, `BEGIN { @a["x", 1] = count(); @a["y", 2] = count(); @a["z", 3] = count(); @b = 1; @c = count(); exit(); }`, nil)
			until(t, "three maps", func() bool { return len(h.Names()) == 3 })
			until(t, "three entries", func() bool {
				all, err := h.Dump(context.Background(), 0)
				return err == nil && all[0].Count == 3 && all[1].Count == 1
			})
			h.mu.Lock()
			defer wait()
			defer h.mu.Unlock()
			for _, m := range h.maps {
				one, batch := h.describe(m), h.describe(m)
				if err := readOneByOne(context.Background(), m.fd, &one, 100); err != nil {
					t.Fatal(err)
				}
				if err := readBatches(context.Background(), m.fd, &batch, 100, 0); err != nil {
					t.Fatal(err)
				}
				if a, b := entries(&one), entries(&batch); !slices.Equal(a, b) || len(a) == 0 {
					t.Errorf("%s: %q one by one, %q in batches", one.Name, a, b)
				}
				few := h.describe(m)
				if err := readOneByOne(context.Background(), m.fd, &few, 2); err != nil || few.Count != min(2, one.Count) || few.Truncated != (one.Count > 2) {
					t.Errorf("%s: %d entries, truncated %v, %v", few.Name, few.Count, few.Truncated, err)
				}
			}
		})
	}
}

func entries(r *Raw) []string {
	var all []string
	for i := range r.Count {
		all = append(all, string(r.key(i))+"="+string(r.value(i)))
	}
	slices.Sort(all)
	return all
}

// TestLiveDumpOfBusyMaps reads maps while every CPU writes them: no key may
// come twice, and counts only grow.
func TestLiveDumpOfBusyMaps(t *testing.T) {
	src := `tracepoint:raw_syscalls:sys_enter { @all = count(); @k[tid, args->id] = count(); @last[tid] = nsecs; } tracepoint:raw_syscalls:sys_exit { delete(@last[tid]); }`
	for version, path := range bpftraces(t) {
		t.Run(version, func(t *testing.T) {
			done, stop := make(chan struct{}), make(chan struct{})
			load(done)
			h, wait := start(t, path, src, stop)
			until(t, "entries", func() bool {
				raws, err := h.Dump(context.Background(), 0)
				return err == nil && len(raws) == 3 && raws[1].Count > 1
			})
			var before uint64
			for range 30 {
				raws, err := h.Dump(context.Background(), 0)
				if err != nil {
					t.Fatal(err)
				}
				for i := range raws {
					seen := map[string]bool{}
					for k := range raws[i].Count {
						if key := string(raws[i].key(k)); seen[key] {
							t.Errorf("%s: key %x twice", raws[i].Name, key)
						} else {
							seen[key] = true
						}
					}
				}
				tables, err := Decode(raws, script.Parse(src), version)
				if err != nil || len(tables.Skipped) > 0 {
					t.Fatal(err, tables.Skipped)
				}
				n, _ := tables.Maps[0].Rows.At(0).Value.Uint64()
				if n < before {
					t.Errorf("@all fell from %d to %d", before, n)
				}
				before = n
			}
			close(done)
			close(stop)
			wait()
		})
	}
}
