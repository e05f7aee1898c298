package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"tracecar/collector"
)

// showProgress keeps one line on a terminal up to date while run goes on. The
// returned function removes it and waits for the last write. On anything but
// a terminal nothing is written.
func showProgress(w io.Writer, run *collector.Run, duration time.Duration) (stop func()) {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				fmt.Fprint(f, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprint(f, "\r\x1b[K"+progressLine(run.Progress(), duration))
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func progressLine(p collector.Progress, duration time.Duration) string {
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
