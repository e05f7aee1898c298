package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"tracecar/mcp/auth"
)

const (
	maxDocument  = 1 << 20 // bytes of metadata, or of a JWKS
	maxKeys      = 100
	maxRedirects = 3
	// RSA keys: shorter ones are weak, longer ones cost too much to verify.
	minRSA, maxRSA = 2048, 8192
)

// newClient keeps nothing open between two questions, which are minutes apart.
func newClient(c *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: c, DisableKeepAlives: true,
			DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if first := via[0].URL; r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
				return fmt.Errorf("redirects to another host, %s", r.URL.Host)
			}
			if len(via) >= maxRedirects {
				return errors.New("redirects too often")
			}
			return nil
		},
	}
}

// secureURL reads a URL whose answers can be believed: https, or on loopback.
func secureURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !auth.Loopback(u.Hostname())) {
		return nil, fmt.Errorf("%.200q is not an https URL without user, query and fragment", raw)
	}
	return u, nil
}

// fetch asks the issuer for its keys.
func (i *issuer) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	jwks, err := i.discover(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.get(ctx, jwks, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%s has %d keys, more than %d", jwks, len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		// What is not understood is left out (RFC 7517, section 5).
		if json.Unmarshal(raw, &k) == nil && k.Use != "enc" && usable(k.Key) {
			keys = append(keys, jose.JSONWebKey{Key: k.Key, KeyID: k.KeyID, Algorithm: k.Algorithm})
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key that could sign tokens", jwks)
	}
	return keys, nil
}

// usable tells whether a key is public, and neither weak nor costly.
func usable(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// discover returns the URL of the issuer's keys, from the first of the places
// where the MCP specification has its metadata.
func (i *issuer) discover(ctx context.Context) (jwks string, err error) {
	u, err := url.Parse(i.url)
	if err != nil {
		return "", err
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	places := []string{origin + "/.well-known/oauth-authorization-server" + path, origin + "/.well-known/openid-configuration" + path}
	if path != "" {
		places = append(places, origin+path+"/.well-known/openid-configuration")
	}
	var missing statusError
	for _, place := range places {
		var m struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		err := i.get(ctx, place, &m)
		if errors.As(err, &missing) && missing.status/100 == 4 {
			continue // to the next place
		}
		switch {
		case err != nil:
			return "", err
		case m.Issuer != i.url:
			return "", fmt.Errorf("%s is the metadata of another issuer, %.200q", place, m.Issuer)
		}
		keys, err := secureURL(m.JWKS)
		if err != nil || keys.Scheme != u.Scheme {
			return "", fmt.Errorf("jwks_uri in %s: %.200q is not an %s URL", place, m.JWKS, u.Scheme)
		}
		return m.JWKS, nil
	}
	return "", fmt.Errorf("no metadata at %s: %w", strings.Join(places, ", "), missing)
}

// statusError is an answer that is not the document.
type statusError struct {
	url    string
	status int
}

func (e statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.url, e.status, http.StatusText(e.status))
}

// get reads a JSON document.
func (i *issuer) get(ctx context.Context, from string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	res, err := i.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return statusError{from, res.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", from, err)
	case len(body) > maxDocument:
		return fmt.Errorf("%s is larger than %d bytes", from, maxDocument)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return nil
}
