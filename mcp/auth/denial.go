package auth

import (
	"net/http"
	"strings"
	"time"
)

// Denial is why a request is not served, and how to say so.
type Denial struct {
	// Status is 400, 401, 403, 429 or 503.
	Status int
	// Message is for the caller; it holds nothing that the caller did not know.
	Message string
	// Challenge is the WWW-Authenticate header of a 401 or 403.
	Challenge string
	// RetryAfter goes with 429 and 503.
	RetryAfter time.Duration
}

// denied is a Denial; code is the error code of RFC 6750, "" where the request
// held no token at all, and scope what it lacks.
func (s *access) denied(status int, message, code, scope string) *Denial {
	d := &Denial{Status: status, Message: message}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		d.Challenge = s.opts.Metadata.challenge(code, message, scope)
	}
	return d
}

func (a *Auth) tooMany(now *access, r *http.Request, addr string, wait time.Duration) *Denial {
	// Told once a minute, not for every try.
	if a.warned.Take(addr, Rate{Every: time.Minute, Burst: 1}) == 0 {
		a.refused(now, r, "too many wrong tokens")
	}
	return &Denial{Status: http.StatusTooManyRequests, RetryAfter: wait,
		Message: "too many wrong tokens came from this address; try again later"}
}

func (a *Auth) refused(now *access, r *http.Request, reason string) {
	if now.opts.Refused != nil {
		path := r.URL.Path
		if len(path) > 200 {
			path = strings.ToValidUTF8(path[:200], "") + "…"
		}
		now.opts.Refused(Refusal{Time: time.Now(), Address: now.opts.Proxies.Address(r), Path: path, Reason: reason})
	}
}

// unissued answers a token that is no guess and is not taken.
func (a *Auth) unissued(now *access, r *http.Request, addr string, e *TokenError) *Denial {
	// Told once a minute, for these tokens are not slowed down.
	if a.warned.Take(addr+" "+e.Message, Rate{Every: time.Minute, Burst: 1}) == 0 {
		a.refused(now, r, e.Message)
	}
	switch e.Status {
	case http.StatusForbidden:
		return now.denied(e.Status, e.Message, "insufficient_scope", e.Scope)
	case http.StatusServiceUnavailable:
		return &Denial{Status: e.Status, Message: e.Message, RetryAfter: e.RetryAfter}
	}
	return now.denied(http.StatusUnauthorized, e.Message, "invalid_token", "")
}
