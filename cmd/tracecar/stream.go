package main

import (
	"bufio"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"tracecar/cmd/tracecar/internal/text"
	"tracecar/collector"
	"tracecar/parser"
)

// streamer prints every record when it comes: a Sink for tracecar run --stream.
type streamer struct {
	text  bool
	tr    collector.Translator
	line  []byte
	plain strings.Builder

	mu    sync.Mutex
	out   *bufio.Writer
	err   error // of writing; the run goes on, nothing more is written
	timer *time.Timer
	ended bool
}

// flushAfter is how long a record may wait in the buffer: a reader waits for
// it, but a flood must not be one write per record.
const flushAfter = 5 * time.Millisecond

func newStreamer(out *bufio.Writer, format string) *streamer {
	return &streamer{out: out, text: format == "text"}
}

func (s *streamer) Begin(info collector.RunInfo) {
	s.tr = collector.NewTranslator(info.Parsed, info.Version, 0)
	s.timer = time.AfterFunc(time.Hour, s.flush)
}

func (s *streamer) End(*collector.Result) {
	s.timer.Stop()
	s.flush()
	s.mu.Lock()
	s.ended = true // out is the caller's again
	s.mu.Unlock()
}

func (s *streamer) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && !s.ended {
		s.err = s.out.Flush()
	}
}

func (s *streamer) Record(rec *parser.Record) {
	ev, ok := s.tr.Event(rec)
	switch {
	case s.text && !ok:
		return
	case s.text:
		s.plain.Reset()
		text.Event(&s.plain, &ev)
		s.line = append(s.line[:0], s.plain.String()...)
	default:
		var err error
		if ok {
			s.line, err = ev.AppendJSON(s.line[:0])
		} else {
			s.line, err = json.Marshal(message(rec))
		}
		if err != nil {
			s.fail(err)
			return
		}
		s.line = append(s.line, '\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	if s.out.Buffered() == 0 {
		s.timer.Reset(flushAfter)
	}
	_, s.err = s.out.Write(s.line)
}

func (s *streamer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// message is what is printed for the records that are not the script's own
// output.
func message(rec *parser.Record) map[string]any {
	m := map[string]any{"type": rec.Type.String()}
	switch rec.Type {
	case parser.TypeAttachedProbes:
		m["data"] = map[string]uint64{"probes": rec.Count}
	case parser.TypeLostEvents:
		m["data"] = map[string]uint64{"events": rec.Count}
	case parser.TypeHelperError, parser.TypeRuntimeError:
		m["data"] = collector.ProblemDiagnostic(rec)
	default:
		m["data"], m["line"] = parser.Text(rec.Text), rec.Line
		if rec.Problem != nil {
			m["problem"] = rec.Problem.Message
		}
	}
	return m
}
