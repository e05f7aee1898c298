package auth

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Roles that every tracecar has.
const (
	RoleOperator = "operator" // everything
	RoleCaller   = "caller"   // what a caller may do unless told otherwise
)

// guesses bounds wrong tokens per address.
var guesses = Rate{Every: 6 * time.Second, Burst: 10}

// Options make an Auth.
type Options struct {
	// Tokens are the bearer tokens that are taken; SetTokens replaces them.
	Tokens []Token
	// TLS, where it has a ClientCA, makes every caller show a certificate.
	TLS *TLS
	// Clients name the certificates' holders. One that is named needs no
	// token. Without any, and without tokens, each certificate that the
	// ClientCA has signed is taken as "cert:COMMON NAME", in the default role.
	Clients []Client
	// DefaultRole is for those that have none of their own ("" is RoleCaller).
	DefaultRole string
	// Metadata, with a Resource, is published for OAuth clients.
	Metadata Metadata
	// Refused hears of every wrong token and of every address that is not
	// listened to for a while: of one address about ten a minute. It must
	// return soon.
	Refused func(Refusal)
}

// Refusal is one attempt to get in, for the audit log.
type Refusal struct {
	Time time.Time
	// Address is that of the other end of the connection; Path what it asked for.
	Address, Path string
	// Reason is "wrong token", or "too many wrong tokens".
	Reason string
}

// Auth knows who may come in. It is safe for concurrent use.
type Auth struct {
	opts    Options
	setting sync.Mutex
	tokens  atomic.Pointer[tokenSet]
	// withTokens is so from the start: an Auth whose last token is taken away
	// must not begin to take any certificate.
	withTokens bool
	wrong      Limiter
	warned     Limiter
}

// New returns an Auth, or what is wrong with o.
func New(o Options) (*Auth, error) {
	if o.DefaultRole == "" {
		o.DefaultRole = RoleCaller
	}
	for _, c := range o.Clients {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	if len(o.Clients) > 0 && !o.TLS.asksClients() {
		return nil, fmt.Errorf("clients are named by their certificates, and there is no client CA")
	}
	if err := o.Metadata.check(); err != nil {
		return nil, err
	}
	if len(o.Tokens) == 0 && !o.TLS.asksClients() {
		return nil, fmt.Errorf("there are no tokens and no client CA: nobody could come in")
	}
	a := &Auth{opts: o, withTokens: len(o.Tokens) > 0}
	a.tokens.Store(&tokenSet{})
	return a, a.SetTokens(o.Tokens)
}

// SetTokens replaces the tokens. Calls and sessions of a token that stays,
// with its name, go on, in its new role; those of one that goes end. On an
// error the tokens stay as they were.
func (a *Auth) SetTokens(tokens []Token) error {
	a.setting.Lock()
	defer a.setting.Unlock()
	if len(tokens) > 0 && !a.withTokens {
		return fmt.Errorf("there were no tokens at the start: restart to ask for them")
	}
	next, gone, err := a.tokens.Load().next(tokens)
	if err != nil {
		return err
	}
	a.tokens.Store(next)
	for _, l := range gone {
		l.end()
	}
	return nil
}

// Holder is who sends a request.
type Holder struct {
	// Name is that of the token or certificate.
	Name, Role string
	// Life ends when the token or certificate is no longer trusted: what its
	// holder has under way must end then.
	Life context.Context
}

// Denial is why a request is not served, and how to say so.
type Denial struct {
	// Status is 400, 401 or 429.
	Status int
	// Message is for the caller; it holds nothing that the caller did not know.
	Message string
	// Challenge is the WWW-Authenticate header of a 401.
	Challenge string
	// RetryAfter goes with 429.
	RetryAfter time.Duration
}

// Authenticate says who sends r. Where vouched is not "", r holds a secret
// (the id of a session) that only the holder of that name can know: then it is
// listened to even while its address guesses too much, so that whoever shares
// an address with a client cannot cut it off.
func (a *Auth) Authenticate(r *http.Request, vouched string) (Holder, *Denial) {
	cert, certLife, shown := a.opts.TLS.client(r.TLS)
	if a.opts.TLS.asksClients() && !shown {
		return Holder{}, a.denied(http.StatusUnauthorized, "a client certificate of this server's client CA is needed", "")
	}
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		if shown {
			if h, ok := a.certHolder(cert, certLife); ok {
				return h, nil
			}
		}
		return Holder{}, a.denied(http.StatusUnauthorized, "a token is needed: Authorization: Bearer TOKEN", "")
	}
	if len(given) > 1 {
		return Holder{}, a.denied(http.StatusBadRequest, "there is more than one Authorization header", "")
	}
	scheme, secret, _ := strings.Cut(given[0], " ")
	secret = strings.Trim(secret, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return Holder{}, a.denied(http.StatusUnauthorized, "the Authorization header must be: Bearer TOKEN", "invalid_request")
	}
	return a.bearer(r, secret, vouched)
}

func (a *Auth) bearer(r *http.Request, secret, vouched string) (Holder, *Denial) {
	addr := addressOf(r)
	// Taken before the look and given back after, so that many guesses at
	// once do not all pass.
	wait := a.wrong.Take(addr, guesses)
	t, life, ok := a.tokens.Load().find(secret)
	switch {
	case wait > 0 && (!ok || t.Name != vouched): // no token has the name ""
		return Holder{}, a.tooMany(r, addr, wait)
	case !ok:
		a.refused(r, "wrong token")
		return Holder{}, a.denied(http.StatusUnauthorized, "the token is not valid", "invalid_token")
	case wait == 0:
		a.wrong.Give(addr, guesses)
	}
	return a.holder(t.Name, t.Role, life), nil
}

func (a *Auth) certHolder(cert *x509.Certificate, life context.Context) (Holder, bool) {
	for _, c := range a.opts.Clients {
		if c.matches(cert) {
			return a.holder(c.Name, c.Role, life), true
		}
	}
	if len(a.opts.Clients) > 0 || a.withTokens || checkName(cert.Subject.CommonName) != nil {
		return Holder{}, false
	}
	return a.holder(certPrefix+cert.Subject.CommonName, "", life), true
}

func (a *Auth) holder(name, role string, life context.Context) Holder {
	if role == "" {
		role = a.opts.DefaultRole
	}
	return Holder{Name: name, Role: role, Life: life}
}

// denied is a Denial; code is the error code of RFC 6750, "" where the request
// held no token at all.
func (a *Auth) denied(status int, message, code string) *Denial {
	d := &Denial{Status: status, Message: message}
	if status == http.StatusUnauthorized {
		d.Challenge = a.opts.Metadata.challenge(code, message)
	}
	return d
}

func (a *Auth) tooMany(r *http.Request, addr string, wait time.Duration) *Denial {
	// Told once a minute, not for every try.
	if a.warned.Take(addr, Rate{Every: time.Minute, Burst: 1}) == 0 {
		a.refused(r, "too many wrong tokens")
	}
	return &Denial{Status: http.StatusTooManyRequests, RetryAfter: wait,
		Message: "too many wrong tokens came from this address; try again later"}
}

func (a *Auth) refused(r *http.Request, reason string) {
	if a.opts.Refused != nil {
		path := r.URL.Path
		if len(path) > 200 {
			path = strings.ToValidUTF8(path[:200], "") + "…"
		}
		a.opts.Refused(Refusal{Time: time.Now(), Address: r.RemoteAddr, Path: path, Reason: reason})
	}
}
