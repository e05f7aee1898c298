package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"tracecar/collector"
)

// progress is one line of a terminal that is kept up to date below what else
// is written there.
type progress struct {
	w io.Writer // nil: it is shown nowhere

	mu    sync.Mutex
	shown bool
	torn  bool // what else is written there stands in the middle of a line
}

const clearLine = "\r\x1b[K"

// newProgress is shown on w where that is a terminal.
func newProgress(w io.Writer) *progress {
	if !toTerminal(w) {
		w = nil
	}
	return &progress{w: w}
}

// draw replaces the line.
func (p *progress) draw(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.torn {
		return
	}
	fmt.Fprint(p.w, clearLine+line)
	p.shown = true
}

// clear takes the line away. mu is held.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
	}
}

// above is w, for text that may come to stand on the same terminal.
func (p *progress) above(w io.Writer) io.Writer { return aboveLine{p, w} }

type aboveLine struct {
	*progress
	w io.Writer
}

func (a aboveLine) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clear()
	if len(b) > 0 {
		a.torn = b[len(b)-1] != '\n'
	}
	return a.w.Write(b)
}

// follow shows how run goes on until the returned function is called, which
// waits for the last write. ctx is done when the user has asked it to stop.
func (p *progress) follow(ctx context.Context, run *collector.Run, duration time.Duration) (stop func()) {
	if p.w == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		asked := ctx.Done()
		for {
			select {
			case <-quit:
				p.mu.Lock()
				p.clear()
				p.mu.Unlock()
				return
			case <-asked:
				asked = nil // said at once
			case <-tick.C:
			}
			p.draw(progressLine(run.Progress(), duration, ctx.Err() != nil))
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// progressLine words it; stopping: the user has pressed Ctrl-C.
func progressLine(p collector.Progress, duration time.Duration, stopping bool) string {
	if stopping {
		return "stopping: bpftrace detaches its probes; a second Ctrl-C gives the Result up"
	}
	if p.Attaching {
		return fmt.Sprintf("attaching … %.0f s", p.Elapsed.Seconds())
	}
	line := fmt.Sprintf("%d attached, %.0f s", p.ProbesAttached, p.Elapsed.Seconds())
	if duration > 0 {
		line += fmt.Sprintf(" of %.0f s", duration.Seconds())
	}
	line += fmt.Sprintf(", %d events", p.Events)
	if p.LostEvents > 0 {
		line += fmt.Sprintf(" (%d lost)", p.LostEvents)
	}
	return line + "; Ctrl-C ends it"
}

func isTerminal(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && fi.Name() != "null"
}
