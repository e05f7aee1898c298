package mcp

import (
	"fmt"
	"sync"
	"time"

	"tracecar/collector"
	"tracecar/mcp/auth"
)

// Limits bound what one token may have; 0 stands for no bound.
type Limits struct {
	// PerMinute are the messages (HTTP POSTs) a minute, of which Burst may
	// come at once (default: a quarter of PerMinute, at least 5: a client
	// begins with three). One more is answered with 429.
	PerMinute, Burst int
	// Calls are the tool calls in work at once, Runs the live runs.
	Calls, Runs int
}

func (l Limits) rate() auth.Rate {
	r := auth.Rate{Every: time.Minute / time.Duration(l.PerMinute), Burst: l.Burst}
	if r.Burst <= 0 {
		r.Burst = max(l.PerMinute/4, 5)
	}
	return r
}

// limitError says that a token has all it may have.
type limitError struct{ message string }

func (e *limitError) Error() string { return e.message }

func (s *Server) limitsOf(who Identity) Limits {
	if s.cfg.RoleLimits == nil {
		return Limits{}
	}
	return s.cfg.RoleLimits(who.Role)
}

// callLimits counts what tokens have. Its memory is bounded by the calls in
// work, and by the Limiter's own bound. The zero value is usable.
type callLimits struct {
	rates auth.Limiter

	mu    sync.Mutex
	calls map[string]int

	// admitting is held while a token's runs are counted and one is begun.
	admitting sync.Mutex
}

// enter notes one call of token; leave must be called when it is done.
func (l *callLimits) enter(token string, most int) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if most > 0 && l.calls[token] >= most {
		return nil, &limitError{fmt.Sprintf("busy: %s in work, which is all that this caller may have; try again when one is done", count(most, "call"))}
	}
	if l.calls == nil {
		l.calls = map[string]int{}
	}
	l.calls[token]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.calls[token]--; l.calls[token] == 0 {
			delete(l.calls, token)
		}
	}, nil
}

// admit begins a run unless who has as many as it may have.
func (s *Server) admit(who Identity, begin func() run) (run, error) {
	most := s.limitsOf(who).Runs
	if most <= 0 {
		return begin(), nil
	}
	s.limits.admitting.Lock()
	defer s.limits.admitting.Unlock()
	live := 0
	for _, r := range s.runner.List() {
		if sc := r.Script(); sc.Probe == "" && sc.Caller.Name == who.Token && alive(r) {
			live++
		}
	}
	if live >= most {
		return nil, &limitError{fmt.Sprintf("busy: %s live, which is all that this caller may have; stop one (list_runs, stop_run) or wait for its end", count(live, "run"))}
	}
	return begin(), nil
}

func alive(r run) bool {
	status := r.Progress().Status
	return status == collector.StatusRunning || status == ""
}
