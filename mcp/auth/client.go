package auth

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
)

// Client names the holder of a client certificate.
type Client struct {
	// Match is what the certificate must hold: "CN=agent" (the subject's
	// common name, all of it), "DNS:host", "URI:spiffe://…", "EMAIL:a@b" or
	// "IP:192.0.2.7" (one of its alternative names).
	Match string
	// Name and Role are as those of a Token. A name that a token has as well
	// is the same caller.
	Name, Role string
}

// client is a Client while it is trusted.
type client struct {
	Client
	lives *lives
}

// lives are those of one Client's holders, by the life of the CA that signed
// the certificate: a life ends with either. There are as many as CAs.
type lives struct {
	mu    sync.Mutex
	of    map[context.Context]life
	ended bool
}

func (l *lives) under(ca context.Context) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.of[ca]
	if !ok {
		maps.DeleteFunc(l.of, func(ca context.Context, _ life) bool { return ca.Err() != nil })
		if l.of == nil {
			l.of = map[context.Context]life{}
		}
		ctx, end := context.WithCancel(ca)
		one = life{ctx, end}
		l.of[ca] = one
		if l.ended { // by a Set since the request came
			end()
		}
	}
	return one.ctx
}

func (l *lives) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for _, one := range l.of {
		one.end()
	}
}

func (c Client) check() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	kind, value := c.split()
	if value == "" || !slices.Contains([]string{"CN", "DNS", "URI", "EMAIL", "IP"}, kind) {
		return fmt.Errorf("%q matches no certificate: want CN=…, DNS:…, URI:…, EMAIL:… or IP:…", c.Match)
	}
	return nil
}

func (c Client) split() (kind, value string) {
	if value, ok := strings.CutPrefix(c.Match, "CN="); ok {
		return "CN", value
	}
	kind, value, _ = strings.Cut(c.Match, ":")
	return kind, value
}

func (c Client) matches(cert *x509.Certificate) bool {
	kind, value := c.split()
	switch kind {
	case "CN":
		return cert.Subject.CommonName == value
	case "DNS":
		return slices.ContainsFunc(cert.DNSNames, func(n string) bool { return strings.EqualFold(n, value) })
	case "URI":
		for _, u := range cert.URIs {
			if u.String() == value {
				return true
			}
		}
	case "EMAIL":
		return slices.Contains(cert.EmailAddresses, value)
	case "IP":
		for _, ip := range cert.IPAddresses {
			if ip.Equal(net.ParseIP(value)) {
				return true
			}
		}
	}
	return false
}
