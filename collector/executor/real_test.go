package executor

import (
	"strings"
	"testing"
	"time"
)

func TestRealRun(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		p, err := bt.Start(testContext(t, time.Minute), Job{
			Source: `BEGIN { printf("%d|%s\n", $1, str($2)); @a[1] = count(); exit(); } END { printf("end\n"); } // no newline`,
			Args:   []string{"-5", "-o"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		contains(t, readAll(t, p), `-5|-o`, `"data": "end\n"`, `"@a"`)
		exit, err := p.Wait()
		if err != nil || exit.Code != 0 || exit.Stopped {
			t.Errorf("exit %+v, %v", exit, err)
		}
		select {
		case <-p.Attached():
		default:
			t.Errorf("attached was not noticed; stdout %q stderr %q", exit.Stdout, exit.Stderr)
		}
		if s := exit.Stdout + exit.Stderr; strings.Contains(s, notifyVariable) {
			t.Errorf("the notification is left in %q", s)
		}
	})
}

func TestRealStopPrintsMapsThroughASlowReader(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		p, err := bt.Start(testContext(t, time.Minute), Job{
			Source: `BEGIN { @keep["x"] = 7; } interval:us:500 { printf("%s\n", str($1)); @n = count(); } END { printf("the end\n"); }`,
			Args:   []string{strings.Repeat("x", 60)},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		<-p.Attached()
		waitFor(t, "a full pipe", func() bool { return pipeFill(p.out.fd) > 256<<10 })
		p.Stop()
		waitFor(t, "the signal to arrive", func() bool { return p.stopping.Load() })
		contains(t, readAll(t, p), `the end`, `"@keep"`, `"@n"`)
		exit, err := p.Wait()
		if err != nil || exit.Code != 0 || !exit.Stopped || exit.Escalated {
			t.Errorf("exit %+v, %v", exit, err)
		}
	})
}

func TestRealEarlyStop(t *testing.T) {
	eachReal(t, func(t *testing.T, bt *Bpftrace) {
		p, err := bt.Start(testContext(t, time.Minute), Job{Source: `interval:s:1 { }`})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.Stop()
		readAll(t, p)
		exit, err := p.Wait()
		if err != nil || !exit.CleanStop() {
			t.Errorf("exit %v %+v, %v", exit, exit, err)
		}
	})
}
