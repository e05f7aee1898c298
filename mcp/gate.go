package mcp

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"tracecar/mcp/auth"
)

// open tells whether r is for everybody: health, and what an OAuth client
// must find before it has a token. The path is compared as it is: what the
// router would clean up is not open.
func (s *Server) open(r *http.Request) bool {
	switch path := r.URL.Path; {
	case path == "/healthz", path == "/readyz":
		return true
	case path == auth.WellKnown, strings.HasPrefix(path, auth.WellKnown+"/"):
		return true
	}
	if len(s.openRoutes) == 0 {
		return false
	}
	_, pattern := s.mux.Handler(r)
	return s.openRoutes[pattern]
}

// authenticate returns r with its holder, or nil when it has answered. done
// must be called at the end of the request.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (_ *http.Request, done func()) {
	var h auth.Holder
	ctx, end := r.Context(), func() {}
	if s.cfg.Auth != nil {
		var denial *auth.Denial
		if h, denial = s.cfg.Auth.Authenticate(r, s.sessions.owner(sessionOf(r))); denial != nil {
			s.deny(w, r, denial)
			return nil, nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(withHolder(ctx, h))
		unhook := context.AfterFunc(h.Life, cancel)
		end = func() { unhook(); cancel() }
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.WithContext(ctx), end
	}
	if denial := s.slowDown(s.identity(ctx)); denial != nil {
		end()
		s.deny(w, r, denial)
		return nil, nil
	}
	return r.WithContext(ctx), end
}

// slowDown counts a request against its sender's rate.
func (s *Server) slowDown(who Identity) *auth.Denial {
	l := s.limitsOf(who)
	if l.PerMinute <= 0 {
		return nil
	}
	wait := s.limits.rates.Take(who.Token, l.rate())
	if wait == 0 {
		return nil
	}
	return &auth.Denial{Status: http.StatusTooManyRequests, RetryAfter: wait,
		Message: fmt.Sprintf("too many calls: this caller may make %d a minute; try again in %.0f s", l.PerMinute, math.Ceil(wait.Seconds()))}
}

// sessionOf is the session id that r names, of either transport.
func sessionOf(r *http.Request) string {
	if r.URL.Path == "/message" {
		return r.URL.Query().Get("sessionId")
	}
	return r.Header.Get(sessionHeader)
}

func (s *Server) deny(w http.ResponseWriter, r *http.Request, d *auth.Denial) {
	if d.Challenge != "" {
		w.Header().Set("WWW-Authenticate", d.Challenge)
	}
	if d.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.RetryAfter.Seconds()))))
	}
	if r.Body != nil && r.Body != http.NoBody {
		// Its body is not wanted: net/http would read on to find the next request.
		w.Header().Set("Connection", "close")
	}
	writeError(w, r, d.Status, d.Message)
}
