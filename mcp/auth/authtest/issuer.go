package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issuer is an OAuth issuer on loopback, which signs real tokens, and can be
// told to misbehave.
type Issuer struct {
	// URL is what its tokens have in iss.
	URL     string
	mu      sync.Mutex
	asked   map[string]int
	keys    []jose.JSONWebKey
	signers map[string]jose.SigningKey
	fault   http.HandlerFunc
	server  *httptest.Server
}

// Well-known places of an issuer's metadata, for a URL without a path.
const (
	OAuthMetadata  = "/.well-known/oauth-authorization-server"
	OpenIDMetadata = "/.well-known/openid-configuration"
)

// RSA keys take long to make: all issuers have the same.
var issuersKey, strangersKey = sync.OnceValue(newRSA), sync.OnceValue(newRSA)

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// Stranger signs as the key "rsa" of an issuer, and is not that key.
func Stranger() jose.SigningKey {
	return jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: strangersKey(), KeyID: "rsa"}}
}

// NewIssuer serves an issuer with an RSA key "rsa" and an EC key "ec" until
// the test ends. Its metadata is at place and nowhere else.
func NewIssuer(t testing.TB, path, place string) *Issuer {
	t.Helper()
	i := &Issuer{asked: map[string]int{}, signers: map[string]jose.SigningKey{}}
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.asked[r.URL.Path]++
		fault, set := i.fault, jose.JSONWebKeySet{Keys: i.keys}
		i.mu.Unlock()
		switch {
		case fault != nil:
			fault(w, r)
		case r.URL.Path == place:
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.server.URL + "/keys"})
		case r.URL.Path == "/keys":
			_ = json.NewEncoder(w).Encode(set)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL + path
	i.Add(t, "rsa", jose.RS256, issuersKey())
	i.Add(t, "ec", jose.ES256, newKey(t))
	return i
}

// Fault answers every request in its place; nil: it serves again.
func (i *Issuer) Fault(f http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault = f
}

// Asked counts the requests for a path.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// AddRSA adds a key of so many bits, for RS256.
func (i *Issuer) AddRSA(t testing.TB, id string, bits int) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	i.Add(t, id, jose.RS256, key)
}

// AddEC adds a key for ES256.
func (i *Issuer) AddEC(t testing.TB, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.Add(t, id, jose.ES256, key)
}

// Add adds a key.
func (i *Issuer) Add(t testing.TB, id string, alg jose.SignatureAlgorithm, key crypto.Signer) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: string(alg), Use: "sig"})
	i.signers[id] = jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}
}

// Encrypt says of a key that it is for encryption.
func (i *Issuer) Encrypt(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := slices.Clone(i.keys)
	for n := range keys {
		if keys[n].KeyID == id {
			keys[n].Use = "enc"
		}
	}
	i.keys = keys
}

// Withdraw takes a key from those it tells; it signs on.
func (i *Issuer) Withdraw(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var left []jose.JSONWebKey
	for _, k := range i.keys {
		if k.KeyID != id {
			left = append(left, k)
		}
	}
	i.keys = left
}

// Token is signed by a key of the issuer: for audience, of "alice", good for
// an hour. A claim of change that is nil is left out.
func (i *Issuer) Token(t testing.TB, key, audience string, change map[string]any) string {
	t.Helper()
	i.mu.Lock()
	signer := i.signers[key]
	i.mu.Unlock()
	return Sign(t, signer, i.claims(audience, change), "at+jwt")
}

func (i *Issuer) claims(audience string, change map[string]any) map[string]any {
	now := time.Now()
	c := map[string]any{"iss": i.URL, "sub": "alice", "aud": audience, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix()}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// Forge signs the same claims with another's key, or none's.
func (i *Issuer) Forge(t testing.TB, signer jose.SigningKey, audience, typ string, change map[string]any) string {
	t.Helper()
	return Sign(t, signer, i.claims(audience, change), typ)
}

// Signer is the signing key of that id.
func (i *Issuer) Signer(id string) jose.SigningKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signers[id]
}

// Sign makes a token.
func Sign(t testing.TB, key jose.SigningKey, claims map[string]any, typ string) string {
	t.Helper()
	s, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Server is the issuer's address without a path.
func (i *Issuer) Server() string { return i.server.URL }

// Stop takes the issuer off the network.
func (i *Issuer) Stop() { i.server.Close() }
