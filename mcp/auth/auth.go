package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// guesses bounds wrong tokens per address.
var guesses = Rate{Every: 6 * time.Second, Burst: 10}

// Auth knows who may come in. It is safe for concurrent use.
type Auth struct {
	setting sync.Mutex
	now     atomic.Pointer[access]
	changed chan struct{} // for Watch
	// anyCert is so from the start, or never: an Auth whose last token or
	// client is taken away must not begin to take any certificate.
	anyCert bool
	wrong   Limiter
	warned  Limiter
}

// New returns an Auth, or what is wrong with o.
func New(o Options) (*Auth, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if !o.named() && !o.TLS.asksClients() {
		return nil, fmt.Errorf("there are no tokens, no issuer and no client CA: nobody could come in")
	}
	first, _, err := (&access{tokens: &tokenSet{}}).next(o)
	if err != nil {
		return nil, err
	}
	a := &Auth{changed: make(chan struct{}, 1), anyCert: !o.named()}
	a.now.Store(first)
	return a, nil
}

// Holder is who sends a request.
type Holder struct {
	// Name is that of the token or certificate.
	Name, Role string
	// Life ends when the token or certificate is no longer trusted: what its
	// holder has under way must end then.
	Life context.Context
}

// Authenticate says who sends r. Where vouched is not "", r holds a secret
// (the id of a session) that only the holder of that name can know: then it is
// listened to even while its address guesses too much, so that whoever shares
// an address with a client cannot cut it off.
func (a *Auth) Authenticate(r *http.Request, vouched string) (Holder, *Denial) {
	now := a.now.Load()
	cert, certLife, shown := now.opts.TLS.client(r.TLS)
	if now.opts.TLS.asksClients() && !shown {
		return Holder{}, now.denied(http.StatusUnauthorized, "a client certificate of this server's client CA is needed", "", "")
	}
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		if shown {
			if h, ok := a.certHolder(now, cert, certLife); ok {
				return h, nil
			}
		}
		return Holder{}, now.denied(http.StatusUnauthorized, "a token is needed: Authorization: Bearer TOKEN", "", "")
	}
	if len(given) > 1 {
		return Holder{}, now.denied(http.StatusBadRequest, "there is more than one Authorization header", "", "")
	}
	scheme, secret, _ := strings.Cut(given[0], " ")
	secret = strings.Trim(secret, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return Holder{}, now.denied(http.StatusUnauthorized, "the Authorization header must be: Bearer TOKEN", "invalid_request", "")
	}
	return a.bearer(now, r, secret, vouched)
}

func (a *Auth) bearer(now *access, r *http.Request, secret, vouched string) (Holder, *Denial) {
	addr := AddressKey(now.opts.Proxies.Address(r))
	// Taken before the look and given back after, so that many guesses at
	// once do not all pass.
	wait := a.wrong.Take(addr, guesses)
	if wait > 0 && vouched == "" {
		return Holder{}, a.tooMany(now, r, addr, wait)
	}
	h, err := now.holderOf(r.Context(), secret)
	if wait > 0 && (err != nil || h.Name != vouched) {
		return Holder{}, a.tooMany(now, r, addr, wait)
	}
	var real *TokenError
	known := err == nil || errors.As(err, &real)
	if known && wait == 0 {
		a.wrong.Give(addr, guesses)
	}
	switch {
	case !known:
		a.refused(now, r, "wrong token")
		return Holder{}, now.denied(http.StatusUnauthorized, "the token is not valid", "invalid_token", "")
	case err != nil:
		return Holder{}, a.unissued(now, r, addr, real)
	}
	return h, nil
}

var errNoHolder = errors.New("no such token")

// holderOf looks a bearer token up; the error is the Verifier's, or errNoHolder.
func (s *access) holderOf(ctx context.Context, secret string) (Holder, error) {
	if t, life, ok := s.tokens.find(secret); ok {
		return s.holder(t.Name, t.Role, life), nil
	}
	if s.opts.Verifier == nil {
		return Holder{}, errNoHolder
	}
	g, err := s.opts.Verifier.Verify(ctx, secret)
	if err != nil {
		return Holder{}, err
	}
	return s.holder(issuedPrefix+g.Name, g.Role, s.issued.ctx), nil
}

func (a *Auth) certHolder(now *access, cert *x509.Certificate, ca context.Context) (Holder, bool) {
	for _, c := range now.clients {
		if c.matches(cert) {
			return now.holder(c.Name, c.Role, c.lives.under(ca)), true
		}
	}
	if !a.anyCert || checkName(cert.Subject.CommonName) != nil {
		return Holder{}, false
	}
	return now.holder(certPrefix+cert.Subject.CommonName, "", ca), true
}

func (s *access) holder(name, role string, life context.Context) Holder {
	if role == "" {
		role = s.opts.DefaultRole
	}
	return Holder{Name: name, Role: role, Life: life}
}

// ClientAddress is the IP address that r comes from, "" where it has none: of
// the client itself where a trusted proxy names it. It may be called on nil.
func (a *Auth) ClientAddress(r *http.Request) string {
	addr := r.RemoteAddr
	if a != nil {
		addr = a.now.Load().opts.Proxies.Address(r)
	}
	ip, ok := hopAddress(addr)
	if !ok {
		return ""
	}
	return ip.String()
}

// Proxied tells whether a connection from addr (host:port) is a proxy's, and
// stands for many clients. It may be called on nil.
func (a *Auth) Proxied(addr string) bool {
	if a == nil {
		return false
	}
	return a.now.Load().opts.Proxies.Trusts(addr)
}
