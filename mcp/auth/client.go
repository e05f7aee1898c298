package auth

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
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
			if ip.String() == value {
				return true
			}
		}
	}
	return false
}
