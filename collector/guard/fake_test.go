package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// procDir makes a process in a stand-in for /proc.
func procDir(t *testing.T, root string, pid int, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, fmt.Sprint(pid), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if link, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(link, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// statLine is /proc/PID/stat of a process with these ticks and pages.
func statLine(comm, state string, ticks [4]int64, threads, pages int64) string {
	return fmt.Sprintf("7 (%s) %s 1 1 1 0 -1 4194560 9 9 0 0 %d %d %d %d 20 0 %d 0 123 4096 %d 18446744073709551615 0\n",
		comm, state, ticks[0], ticks[1], ticks[2], ticks[3], threads, pages)
}

func TestParseStat(t *testing.T) {
	page := int64(os.Getpagesize())
	for name, c := range map[string]struct {
		text string
		want stat
		bad  bool
	}{
		"plain":             {text: statLine("bpftrace", "S", [4]int64{1, 2, 3, 4}, 1, 5), want: stat{cpu: 10 * tick, rss: 5 * page, threads: 1}},
		"a name like a row": {text: statLine("x) R 9 (9\n9", "R", [4]int64{7}, 3, 0), want: stat{cpu: 7 * tick, threads: 3}},
		"a zombie":          {text: statLine("x", "Z", [4]int64{7}, 1, 0), want: stat{cpu: 7 * tick, threads: 1, ended: true}},
		"less than nothing": {text: statLine("x", "S", [4]int64{-7}, 1, 0), bad: true},
		"too much":          {text: statLine("x", "S", [4]int64{1 << 61, 1 << 61, 1 << 61}, 1, 0), bad: true},
		"no pages":          {text: statLine("x", "S", [4]int64{}, 1, -1), bad: true},
		"too many pages":    {text: statLine("x", "S", [4]int64{}, 1, 1<<62), bad: true},
		"short":             {text: "7 (x) S 1 2 3", bad: true},
		"empty":             {text: "", bad: true},
		"no name":           {text: "7 x S 1 2 3", bad: true},
	} {
		if got, err := parseStat([]byte(c.text)); (err != nil) != c.bad || got != c.want && !c.bad {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestFamilyCountsChildren(t *testing.T) {
	root := t.TempDir()
	procDir(t, root, 10, map[string]string{"stat": statLine("a", "S", [4]int64{1, 1, 0, 0}, 2, 1), "task/10/children": "11 12 \n", "task/19/children": "13 x\n"})
	procDir(t, root, 11, map[string]string{"stat": statLine("b", "S", [4]int64{10}, 1, 1), "task/11/children": "14\n"})
	procDir(t, root, 12, map[string]string{"stat": "junk", "task/12/children": "10\n"})
	procDir(t, root, 13, map[string]string{"stat": statLine("c", "Z", [4]int64{100}, 1, 0)})
	procDir(t, root, 14, map[string]string{"stat": statLine("d", "S", [4]int64{1000}, 1, 1), "task/14/children": "10\n"}) // a circle
	p, err := openProcess(root, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s, err := p.family()
	if err != nil || s.cpu < 1112*tick || s.rss < 3*int64(os.Getpagesize()) || s.ended {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestProgramsOfAProcess(t *testing.T) {
	root := t.TempDir()
	info := func(id string) string { return "pos:\t0\nprog_type:\t5\nprog_id:\t" + id + "\nrun_cnt:\t9\n" }
	procDir(t, root, 10, map[string]string{
		"fd/3": "-> anon_inode:bpf-prog", "fdinfo/3": info("70"),
		"fd/4": "-> anon_inode:bpf-prog", "fdinfo/4": info("70"),
		"fd/5": "-> anon_inode:bpf_link", "fdinfo/5": "link_id:\t1\n" + info("71"),
		"fd/6": "-> /tmp/bpf-prog", "fdinfo/6": info("72"),
		"fd/7": "-> anon_inode:bpf-map", "fdinfo/7": "map_id:\t4\n",
		"fd/8": "-> anon_inode:bpf-prog", "fdinfo/8": info("99999999999"),
		"fd/9": "-> anon_inode:bpf-prog", "fdinfo/9": info("-1") + "prog_id:\n",
		"fd/10": "-> anon_inode:bpf-prog",
		"fd/11": "-> anon_inode:bpf-prog", "fdinfo/11": strings.Repeat("x", 2*maxFile),
	})
	p, err := openProcess(root, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ids, err := p.programs()
	if err != nil || len(ids) != 2 || !ids[70] || !ids[71] {
		t.Errorf("%v, %v", ids, err)
	}
}

// TestLyingProc has a process whose files turn to junk: nothing shrinks.
func TestLyingProc(t *testing.T) {
	root := t.TempDir()
	procDir(t, root, 10, map[string]string{"stat": statLine("a", "S", [4]int64{50}, 1, 7), "status": "Name:\ta\nVmHWM:\t  100 kB\n", "fd/0": "-> /dev/null"})
	meters := NewMeters()
	meters.root = root
	meters.stats.enable = func() (io.Closer, error) { return nil, errors.New("not on this kernel") }
	r := Begin(local{meters, 10})
	defer meters.Close()
	r.Attached()
	waitFor(t, "the statistics to fail", func() bool { s, err := r.Cost(); return err == nil && s.Unknown != "" })
	s, err := r.Cost()
	if err != nil || s.CPU != 50*tick || s.MaxRSS != 100<<10 || s.Whole || s.Unknown != "not on this kernel" {
		t.Errorf("%+v, %v", s, err)
	}
	procDir(t, root, 10, map[string]string{"stat": statLine("a", "S", [4]int64{20}, 1, 7), "status": "VmHWM: lots\n"})
	if s, err = r.Cost(); err != nil || s.CPU != 50*tick || s.MaxRSS != 100<<10 {
		t.Errorf("%+v, %v", s, err)
	}
	procDir(t, root, 10, map[string]string{"stat": "junk"})
	if s, err = r.Cost(); err != nil || s.CPU != 50*tick || !s.Ended {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = r.End(); err != nil || s.CPU != 50*tick {
		t.Errorf("%+v, %v", s, err)
	}
	if again, err := r.End(); err != nil || again != s {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestQuestionsOutOfTurn(t *testing.T) {
	meters := NewMeters()
	defer meters.Close()
	for _, q := range []string{askCost, askEnd, "", "nonsense that is long"} {
		if _, err := meters.Answer(1, []byte(q)); err == nil {
			t.Errorf("%q is answered", q)
		}
	}
	if _, err := meters.Answer(1<<30, []byte(askBegin)); err == nil {
		t.Error("a process that is not there is measured")
	}
	if _, err := meters.Answer(os.Getpid(), []byte(askBegin)); err != nil {
		t.Error(err)
	}
	if _, err := meters.Answer(os.Getpid(), []byte(askBegin)); err != nil { // the id was used again
		t.Error(err)
	}
	if _, err := meters.Answer(os.Getpid(), []byte("nonsense")); err == nil {
		t.Error("nonsense is answered")
	}
}

// asks answers with what it is made of.
type asks func(question string) ([]byte, error)

func (a asks) Ask(_ context.Context, _ string, q []byte) ([]byte, error) { return a(string(q)) }

func TestWatchGivesUpWhereNothingAnswers(t *testing.T) {
	b := Budget{CPUPercent: 5, Window: 10 * time.Millisecond}
	never := func(r Report) { t.Errorf("report %s", r.Message()) }
	for name, answer := range map[string]asks{
		"refused": func(string) ([]byte, error) { return nil, errors.New("no handler") },
		"gone": func(q string) ([]byte, error) {
			if q == askBegin {
				return nil, nil
			}
			return nil, errors.New("the root helper is gone")
		},
		"junk": func(string) ([]byte, error) { return []byte("{"), nil },
	} {
		if err := New(1).Watch(context.Background(), Begin(answer), b, never); err == nil {
			t.Errorf("%s: watched", name)
		}
	}
	if err := New(1).Watch(context.Background(), Begin(asks(func(string) ([]byte, error) { panic("asked") }).quiet()), Budget{}, never); err != nil {
		t.Error(err)
	}
}

// quiet answers only the first question.
func (a asks) quiet() asks {
	return func(q string) ([]byte, error) {
		if q == askBegin {
			return nil, nil
		}
		return a(q)
	}
}

// switches counts how often the statistics were turned on and off.
type switches struct{ on, off atomic.Int32 }

func (s *switches) Close() error {
	s.off.Add(1)
	return nil
}

// TestStatisticsAreOnWhileRunsLive: from the first run's begin to the last one's
// end, however they end.
func TestStatisticsAreOnWhileRunsLive(t *testing.T) {
	root := t.TempDir()
	for _, pid := range []int{10, 11} {
		procDir(t, root, pid, map[string]string{"stat": statLine("a", "S", [4]int64{1}, 1, 7), "status": "Name:\ta\n", "fd/0": "-> /dev/null"})
	}
	meters := NewMeters()
	meters.root = root
	var s switches
	meters.stats.enable = func() (io.Closer, error) {
		s.on.Add(1)
		return &s, nil
	}
	defer meters.Close()
	is := func(on, off int32) {
		t.Helper()
		waitFor(t, fmt.Sprintf("the statistics to be on %d times and off %d", on, off), func() bool { return s.on.Load() == on && s.off.Load() == off })
	}
	is(0, 0)
	one, two := Begin(local{meters, 10}), Begin(local{meters, 11})
	waitFor(t, "both runs to be measured", func() bool {
		meters.stats.mu.Lock()
		defer meters.stats.mu.Unlock()
		return meters.stats.users == 2
	})
	is(1, 0)
	one.Attached()
	if _, err := one.End(); err != nil {
		t.Fatal(err)
	}
	is(1, 0)
	if err := os.RemoveAll(filepath.Join(root, "11")); err != nil { // it was killed
		t.Fatal(err)
	}
	if _, err := two.Cost(); err != nil {
		t.Fatal(err)
	}
	is(1, 0)
	if _, err := two.End(); err != nil {
		t.Fatal(err)
	}
	is(1, 1)
	// A caller that hangs up without a word is as good as an end.
	Begin(local{meters, 10})
	is(2, 1)
	meters.Close()
	is(2, 2)
}
