package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tracecar/mcp/auth"
)

// timing says when an issuer is asked. Fields so that tests need not wait.
type timing struct {
	refresh  time.Duration // from one good answer to the next question
	retry    time.Duration // from a failure
	cooldown time.Duration // least time between two questions
	timeout  time.Duration // of one question
	wait     time.Duration // how long a token waits for an answer
	keep     time.Duration // how long keys are good that cannot be refreshed
}

var usual = timing{
	refresh: 5 * time.Minute, retry: 15 * time.Second, cooldown: 10 * time.Second,
	timeout: 10 * time.Second, wait: 5 * time.Second, keep: 24 * time.Hour,
}

// issuer has the keys of one issuer.
type issuer struct {
	timing
	url    string
	client *http.Client
	log    *slog.Logger
	want   chan struct{} // asks run to fetch now

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time     // when keys were
	asked   time.Time     // when the last question began
	asking  bool          // it has no answer yet
	done    chan struct{} // closed at the next answer
	err     error         // the last answer's
}

func newIssuer(raw string, client *http.Client, log *slog.Logger) (*issuer, error) {
	if _, err := secureURL(raw); err != nil {
		return nil, err
	}
	return &issuer{timing: usual, url: raw, client: client, log: log, want: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// run fetches the keys again and again until ctx ends.
func (i *issuer) run(ctx context.Context) {
	said := ""
	for {
		i.mu.Lock()
		i.asked, i.asking = time.Now(), true
		select {
		case <-i.want: // this question is the answer to it
		default:
		}
		i.mu.Unlock()
		question, cancel := context.WithTimeout(ctx, i.timeout)
		keys, err := i.fetch(question)
		cancel()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		i.mu.Lock()
		if err == nil {
			i.keys, i.fetched = keys, time.Now()
		}
		i.err, i.asking = err, false
		close(i.done)
		i.done = make(chan struct{})
		i.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		next := i.refresh
		if err != nil {
			next = i.retry
		}
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			i.log.Warn("the keys of the OAuth issuer cannot be fetched; those at hand stay good for a while", "issuer", i.url, "error", err)
		case err == nil && said != "":
			said = ""
			i.log.Info("the keys of the OAuth issuer are fetched again", "issuer", i.url, "keys", len(keys))
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-i.want:
		}
		timer.Stop()
	}
}

func (i *issuer) lastError() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err
}

// key is the key that a token names, for its algorithm.
func (i *issuer) key(ctx context.Context, id, algorithm string) (any, error) {
	key, fresh := i.find(id, algorithm)
	if key == nil {
		// The issuer may have a new one, or has not been asked yet.
		i.await(ctx)
		key, fresh = i.find(id, algorithm)
	}
	switch {
	case key != nil:
		return key, nil
	case !fresh:
		return nil, &auth.TokenError{Status: http.StatusServiceUnavailable, RetryAfter: i.retry,
			Message: "the token cannot be verified now: its issuer does not answer"}
	}
	return nil, errForged
}

// find looks a key up; fresh tells whether the keys at hand are good.
func (i *issuer) find(id, algorithm string) (key any, fresh bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fetched.IsZero() || time.Since(i.fetched) > i.keep {
		return nil, false
	}
	var fits []any
	for _, k := range i.keys {
		if (id == "" || k.KeyID == id) && (k.Algorithm == "" || k.Algorithm == algorithm) && signs(k.Key, algorithm) {
			fits = append(fits, k.Key)
		}
	}
	if len(fits) != 1 { // a token that names no key, where there are several, could cost any number of tries
		return nil, true
	}
	return fits[0], true
}

// signs tells whether a key makes signatures of an algorithm.
func signs(key any, algorithm string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return map[string]int{"ES256": 256, "ES384": 384, "ES512": 521}[algorithm] == k.Params().BitSize
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}

// await waits for the answer to the question under way, or to a new one,
// unless the last was asked just now.
func (i *issuer) await(ctx context.Context) {
	i.mu.Lock()
	answered, wait := i.done, i.asking
	if !wait && time.Since(i.asked) >= i.cooldown {
		wait = true
		select {
		case i.want <- struct{}{}:
		default:
		}
	}
	i.mu.Unlock()
	if !wait {
		return
	}
	timer := time.NewTimer(i.wait)
	defer timer.Stop()
	select {
	case <-answered:
	case <-timer.C:
	case <-ctx.Done():
	}
}
