package auth

import (
	"fmt"
	"time"
)

// Roles that every tracecar has.
const (
	RoleOperator = "operator" // everything
	RoleCaller   = "caller"   // what a caller may do unless told otherwise
)

// Options make an Auth.
type Options struct {
	// Tokens are the bearer tokens that are taken.
	Tokens []Token
	// TLS, where it has a ClientCA, makes every caller show a certificate.
	TLS *TLS
	// Clients name the certificates' holders. One that is named needs no
	// token. Without any, and without tokens and Verifier, each certificate that the
	// ClientCA has signed is taken as "cert:COMMON NAME", in the default role.
	Clients []Client
	// Verifier knows the access tokens of OAuth issuers; nil: none is taken.
	Verifier Verifier
	// DefaultRole is for those that have none of their own ("" is RoleCaller).
	DefaultRole string
	// Proxies are believed when they say where a request comes from.
	Proxies Proxies
	// Metadata, with a Resource, is published for OAuth clients.
	Metadata Metadata
	// Refused hears of every wrong token, of every address that is not listened
	// to for a while, and once a minute of each other reason that an address's
	// access tokens are not taken for: of one address some ten a minute. It
	// must return soon.
	Refused func(Refusal)
}

// Refusal is one attempt to get in, for the audit log.
type Refusal struct {
	Time time.Time
	// Address is where it came from; Path what it asked for.
	Address, Path string
	// Reason is "wrong token", "too many wrong tokens", or a TokenError's.
	Reason string
}

// named tells whether o says who may come in; otherwise the client CA does.
func (o *Options) named() bool {
	return len(o.Tokens) > 0 || len(o.Clients) > 0 || o.Verifier != nil
}

func (o *Options) check() error {
	if o.DefaultRole == "" {
		o.DefaultRole = RoleCaller
	}
	for _, c := range o.Clients {
		if err := c.check(); err != nil {
			return err
		}
	}
	if len(o.Clients) > 0 && !o.TLS.asksClients() {
		return fmt.Errorf("clients are named by their certificates, and there is no client CA")
	}
	return o.Metadata.check()
}
