package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tracecar/mcp/auth"
)

const (
	// maxToken bounds a token, in bytes.
	maxToken = 16 << 10
	// leeway is how much the issuer's clock may differ.
	leeway = 30 * time.Second
	// maxSubject bounds the name of a holder, in bytes.
	maxSubject = 200
)

// algorithms are those of signatures that only the issuer can make. What a key
// of the issuer is good for is not the token's choice: none and HMAC are out.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Config makes a Verifier.
type Config struct {
	// Issuers are the URLs of the issuers, as their tokens have them in iss.
	// They must be https, but on loopback.
	Issuers []string
	// Audiences are what this server is called in aud: a token has one of them.
	Audiences []string
	// Scopes are those that a token must have, all of them.
	Scopes []string
	// Roles give roles, the first that matches; none: the default role.
	Roles []Role
	// CA signs the issuers' certificates; nil: whom the host trusts.
	CA *x509.CertPool
	// Logger gets what goes wrong with issuers; slog.Default if nil.
	Logger *slog.Logger
}

// Verifier verifies access tokens.
type Verifier struct {
	cfg     Config
	issuers []*issuer
}

var _ auth.Verifier = (*Verifier)(nil)

// New returns a Verifier, or what is wrong with c. It asks nobody yet.
func New(c Config) (*Verifier, error) {
	if len(c.Issuers) == 0 {
		return nil, errors.New("there is no issuer")
	}
	if len(c.Audiences) == 0 || slices.Contains(c.Audiences, "") {
		return nil, errors.New("an audience is missing: tokens for others would be taken")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	client := newClient(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.CA})
	v := &Verifier{cfg: c}
	for _, raw := range c.Issuers {
		i, err := newIssuer(raw, client, c.Logger)
		if err != nil {
			return nil, err
		}
		v.issuers = append(v.issuers, i)
	}
	for _, r := range c.Roles {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Run keeps the issuers' keys fresh until ctx ends.
func (v *Verifier) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, i := range v.issuers {
		wg.Go(func() { i.run(ctx) })
	}
	wg.Wait()
}

// Err tells which issuers could not be asked the last time, nil if none. Their
// last keys may be good still.
func (v *Verifier) Err() error {
	var errs []error
	for _, i := range v.issuers {
		if err := i.lastError(); err != nil {
			errs = append(errs, fmt.Errorf("issuer %s: %w", i.url, err))
		}
	}
	return errors.Join(errs...)
}

// errForged says that no issuer has signed this. It is one for all reasons:
// whoever guesses learns nothing.
var errForged = errors.New("no issuer has given out this token")

// Verify says whose token it is. It waits a few seconds for an issuer whose
// keys are not there yet.
func (v *Verifier) Verify(ctx context.Context, token string) (auth.Grant, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return auth.Grant{}, errForged
	}
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil || !accessToken(t.Headers[0]) {
		return auth.Grant{}, errForged
	}
	var claimed jwt.Claims
	if t.UnsafeClaimsWithoutVerification(&claimed) != nil {
		return auth.Grant{}, errForged
	}
	i := v.issuer(claimed.Issuer)
	if i == nil {
		return auth.Grant{}, errForged
	}
	key, err := i.key(ctx, t.Headers[0].KeyID, t.Headers[0].Algorithm)
	if err != nil {
		return auth.Grant{}, err
	}
	var c jwt.Claims
	var all map[string]any
	if t.Claims(key, &c, &all) != nil {
		return auth.Grant{}, errForged
	}
	if err := v.good(&c, all); err != nil {
		return auth.Grant{}, err
	}
	scopes := scopesOf(all)
	for _, s := range v.cfg.Scopes {
		if !slices.Contains(scopes, s) {
			return auth.Grant{}, &auth.TokenError{Status: http.StatusForbidden,
				Message: "the token lacks the scope " + s, Scope: strings.Join(v.cfg.Scopes, " ")}
		}
	}
	return auth.Grant{Name: i.url + "#" + c.Subject, Role: v.role(scopes, all)}, nil
}

func (v *Verifier) issuer(url string) *issuer {
	for _, i := range v.issuers {
		if i.url == url {
			return i
		}
	}
	return nil
}

// accessToken tells whether the type in a token's header leaves it open that
// it is one. Many issuers say only JWT; that an ID token is not for this
// server, its aud says.
func accessToken(h jose.Header) bool {
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "" || typ == "jwt" || typ == "at+jwt"
}

// good tells whether a token that the issuer has signed is good here and now.
func (v *Verifier) good(c *jwt.Claims, all map[string]any) error {
	bad := func(message string) error {
		return &auth.TokenError{Status: http.StatusUnauthorized, Message: message}
	}
	now := time.Now()
	switch {
	case !slices.ContainsFunc(v.cfg.Audiences, c.Audience.Contains):
		return bad("the token is for another server: its aud does not name this one")
	case c.Expiry == nil:
		return bad("the token has no exp: it would be good for ever")
	case now.After(c.Expiry.Time().Add(leeway)):
		return bad("the token has expired")
	case c.NotBefore != nil && now.Add(leeway).Before(c.NotBefore.Time()):
		return bad("the token is not good yet")
	case c.Subject == "" || len(c.Subject) > maxSubject || strings.ContainsFunc(c.Subject, unicode.IsControl):
		return bad("the token's sub names nobody")
	case all["cnf"] != nil:
		return bad("the token is bound to a key (cnf), which cannot be checked here")
	}
	return nil
}
