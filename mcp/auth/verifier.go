package auth

import (
	"context"
	"time"
)

// issuedPrefix begins the names of those whom a Verifier knows.
const issuedPrefix = "oauth:"

// Verifier knows the access tokens that OAuth issuers give out; package oauth
// has one. It is comparable, and safe for concurrent use.
type Verifier interface {
	// Verify says whose token it is, within a few seconds. An error that is no
	// *TokenError stands for a token that no issuer has given out: a guess.
	Verify(ctx context.Context, token string) (Grant, error)
	// Run keeps the issuers' keys fresh until ctx ends. Without it no token
	// can be verified.
	Run(ctx context.Context)
}

// Grant is what an access token gives.
type Grant struct {
	// Name names the holder, beyond doubt among all issuers; Role is "" for
	// the default role.
	Name, Role string
}

// TokenError is why an access token is not taken that is no guess.
type TokenError struct {
	// Status is 401 for a token that an issuer has given out and that is not
	// good here or now, 403 for one that lacks scopes, and 503 where nobody
	// can say at the moment.
	Status int
	// Message is for the caller.
	Message string
	// Scope lists what a 403 lacks, with spaces between.
	Scope string
	// RetryAfter goes with 503.
	RetryAfter time.Duration
}

func (e *TokenError) Error() string { return e.Message }
