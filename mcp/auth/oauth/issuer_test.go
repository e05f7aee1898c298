package oauth

import (
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tracecar/mcp/auth/authtest"
)

// eventually waits until what is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// quick asks again at once.
func quick(s *timing) { s.refresh, s.retry, s.cooldown = time.Millisecond, time.Millisecond, 0 }

// still asks once, and for what is not known.
func still(s *timing) { s.refresh, s.retry, s.cooldown = time.Hour, time.Hour, 0 }

func TestDiscovery(t *testing.T) {
	for _, tt := range []struct{ path, place string }{
		{"", "/.well-known/oauth-authorization-server"},
		{"", "/.well-known/openid-configuration"},
		{"/realms/a", "/.well-known/oauth-authorization-server/realms/a"},
		{"/realms/a", "/.well-known/openid-configuration/realms/a"},
		{"/realms/a", "/realms/a/.well-known/openid-configuration"},
		{"/realms/a/", "/realms/a/.well-known/openid-configuration"},
	} {
		i := authtest.NewIssuer(t, tt.path, tt.place)
		v := verifier(t, Config{Issuers: []string{i.URL}})
		if got := said(v, i.Token(t, "rsa", here, nil)); got != i.URL+"#alice/" || v.Err() != nil {
			t.Errorf("%s at %s: %s, %v", tt.path, tt.place, got, v.Err())
		}
	}
}

// An issuer that misbehaves from the start: its tokens wait, and those of
// another are good.
func TestIssuerThatLies(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	type fault = func(i *authtest.Issuer) http.HandlerFunc
	say := func(f http.HandlerFunc) fault { return func(*authtest.Issuer) http.HandlerFunc { return f } }
	write := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, format, args...) }
	}
	// metadata serves metadata with the issuer's URL and another for its keys.
	metadata := func(jwks string) fault {
		return func(i *authtest.Issuer) http.HandlerFunc { return write(`{"issuer":%q,"jwks_uri":%q}`, i.URL, jwks) }
	}
	// keys serves good metadata, and f for the keys.
	keys := func(f http.HandlerFunc) fault {
		return func(i *authtest.Issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/keys" {
					f(w, r)
					return
				}
				metadata(i.Server()+"/keys")(i)(w, r)
			}
		}
	}
	forever := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, endless{}, maxDocument*3) }
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	many := `{"keys":[` + strings.Repeat(`{"kty":"EC"},`, maxKeys) + `{"kty":"EC"}]}`
	for what, tt := range map[string]struct {
		fault fault
		want  string
	}{
		"nothing there":      {say(http.NotFound), "no metadata at"},
		"an error":           {say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), "answers 500"},
		"no JSON":            {say(write("<html>")), "invalid character"},
		"another issuer":     {say(write(`{"issuer":"https://evil.example","jwks_uri":"https://evil.example/keys"}`)), "the metadata of another issuer"},
		"no keys' URL":       {metadata(""), "jwks_uri"},
		"keys in the clear":  {metadata("http://evil.example/keys"), "jwks_uri"},
		"keys from a file":   {metadata("file:///etc/passwd"), "jwks_uri"},
		"redirect elsewhere": {say(away), "redirects to another host"},
		"keys elsewhere":     {keys(away), "redirects to another host"},
		"redirects for ever": {say(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }), "redirects too often"},
		"metadata no end":    {say(forever), "is larger than"},
		"keys without end":   {keys(forever), "is larger than"},
		"headers no end":     {say(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }), "headers exceeded"},
		"too many keys":      {keys(write("%s", many)), "more than 100"},
		"no keys":            {keys(write(`{"keys":[]}`)), "no key that could sign"},
		"secret keys":        {keys(write(`{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"rsa"}]}`)), "no key that could sign"},
		"keys of no sense":   {keys(write(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","kid":"rsa"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7,null]}`)), "no key that could sign"},
		"half an answer": {say(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"issuer":`)
		}), "unexpected EOF"},
	} {
		i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
		other := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
		i.Fault(tt.fault(i))
		v := verifier(t, Config{Issuers: []string{i.URL, other.URL}}, still)
		if got := said(v, i.Token(t, "rsa", here, nil)); got != "503 the token cannot be verified now: its issuer does not answer" {
			t.Errorf("%s: %s", what, got)
		}
		if err := v.Err(); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), i.URL) {
			t.Errorf("%s: %v", what, err)
		}
		if got := said(v, other.Token(t, "rsa", here, nil)); got != other.URL+"#alice/" {
			t.Errorf("%s: the other issuer: %s", what, got)
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '['
	}
	return len(b), nil
}

// Keys that would take too long to verify, or are for something else, are not taken.
func TestUsableKeys(t *testing.T) {
	for bits, want := range map[uint]bool{1024: false, 2047: false, 2048: true, 8192: true, 8193: false, 1 << 17: false} {
		if got := usable(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}); got != want {
			t.Errorf("%d bits: %v", bits, got)
		}
	}
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	i.Encrypt("ec")
	v := verifier(t, Config{Issuers: []string{i.URL}}, still)
	if got := said(v, i.Token(t, "ec", here, nil)); got != errForged.Error() {
		t.Errorf("a key for encryption: %s", got)
	}
	if got := said(v, i.Token(t, "rsa", here, nil)); got != i.URL+"#alice/" {
		t.Errorf("the other key: %s", got)
	}
}

// Keys that are weak are not believed, though the issuer says so.
func TestWeakKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	i.AddRSA(t, "weak", 1024)
	v := verifier(t, Config{Issuers: []string{i.URL}}, still)
	if got := said(v, i.Token(t, "rsa", here, nil)); got != i.URL+"#alice/" {
		t.Errorf("the strong key: %s", got)
	}
	if got := said(v, i.Token(t, "weak", here, nil)); got != errForged.Error() {
		t.Errorf("the weak key: %s", got)
	}
}

func TestIssuerDownAtTheStart(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	i.Fault(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	v := verifier(t, Config{Issuers: []string{i.URL}}, quick)
	token := i.Token(t, "rsa", here, nil)
	if got := said(v, token); !strings.HasPrefix(got, "503 ") {
		t.Errorf("down: %s", got)
	}
	i.Fault(nil)
	eventually(t, "it is up", func() bool { return said(v, token) == i.URL+"#alice/" })
	eventually(t, "no error", func() bool { return v.Err() == nil })
}

// Keys that are there go on while the issuer is down, and not for ever.
func TestIssuerDownLater(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v := verifier(t, Config{Issuers: []string{i.URL}}, quick)
	rsa, ec := i.Token(t, "rsa", here, nil), i.Token(t, "ec", here, nil)
	if got := said(v, rsa); got != i.URL+"#alice/" {
		t.Fatal(got)
	}
	i.Stop()
	eventually(t, "it is noticed", func() bool { return v.Err() != nil })
	for _, token := range []string{rsa, ec} {
		if got := said(v, token); got != i.URL+"#alice/" {
			t.Errorf("while down: %s", got)
		}
	}
	one := v.issuers[0]
	one.mu.Lock()
	one.fetched = time.Now().Add(-one.keep - time.Minute)
	one.mu.Unlock()
	if got := said(v, rsa); !strings.HasPrefix(got, "503 ") {
		t.Errorf("after a day: %s", got)
	}
}

// hangs answers nothing until the test ends.
func hangs(t *testing.T) http.HandlerFunc {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
}

// A token waits for an issuer that hangs for so long only, and others not at all.
func TestIssuerThatHangs(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v := verifier(t, Config{Issuers: []string{i.URL}}, still, func(s *timing) { s.wait = 50 * time.Millisecond })
	known := i.Token(t, "rsa", here, nil)
	eventually(t, "keys", func() bool { return said(v, known) == i.URL+"#alice/" })
	i.AddEC(t, "new")
	i.Fault(hangs(t))
	before := i.Asked(authtest.OAuthMetadata)
	if got := said(v, i.Token(t, "new", here, nil)); got != errForged.Error() {
		t.Errorf("unknown key: %s", got)
	}
	eventually(t, "the question", func() bool { return i.Asked(authtest.OAuthMetadata) > before })
	if got := said(v, known); got != i.URL+"#alice/" {
		t.Errorf("known key: %s", got)
	}
}

func TestCallerThatGoes(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	i.Fault(hangs(t))
	v := verifier(t, Config{Issuers: []string{i.URL}}, still, func(s *timing) { s.wait = time.Hour })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := v.Verify(ctx, i.Token(t, "rsa", here, nil)); err == nil {
		t.Error("taken without a key")
	}
}

// A question has its time; then the next is asked.
func TestIssuerThatHangsForEver(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	i.Fault(hangs(t))
	v := verifier(t, Config{Issuers: []string{i.URL}}, quick, func(s *timing) { s.timeout = 200 * time.Millisecond })
	eventually(t, "another question", func() bool { return i.Asked(authtest.OAuthMetadata) > 1 })
	eventually(t, "an error", func() bool { err := v.Err(); return err != nil && strings.Contains(err.Error(), "deadline") })
	i.Fault(nil)
	token := i.Token(t, "rsa", here, nil)
	eventually(t, "it answers", func() bool { return said(v, token) == i.URL+"#alice/" })
}

// A new key is found by the first token that names it, and a key that was
// withdrawn is forgotten.
func TestKeyRotation(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v := verifier(t, Config{Issuers: []string{i.URL}}, still)
	old := i.Token(t, "rsa", here, nil)
	if got := said(v, old); got != i.URL+"#alice/" {
		t.Fatal(got)
	}
	i.AddEC(t, "next")
	i.Withdraw("rsa")
	if got := said(v, i.Token(t, "next", here, nil)); got != i.URL+"#alice/" {
		t.Errorf("the new key: %s", got)
	}
	if got := said(v, old); got != errForged.Error() {
		t.Errorf("the old key: %s", got)
	}
	// By time alone, too.
	v = verifier(t, Config{Issuers: []string{i.URL}}, quick)
	token := i.Token(t, "ec", here, nil)
	if got := said(v, token); got != i.URL+"#alice/" {
		t.Fatal(got)
	}
	i.Withdraw("ec")
	eventually(t, "the key is forgotten", func() bool { return said(v, token) == errForged.Error() })
}

// Keys that nobody has cost the issuer one question in a while, however many
// tokens name them.
func TestMadeUpKeys(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v := verifier(t, Config{Issuers: []string{i.URL}}, still, func(s *timing) { s.cooldown = time.Hour })
	if got := said(v, i.Token(t, "rsa", here, nil)); got != i.URL+"#alice/" {
		t.Fatal(got)
	}
	signer := i.Signer("ec").Key.(jose.JSONWebKey).Key
	for n := range 50 {
		key := jose.JSONWebKey{Key: signer, KeyID: fmt.Sprint("made up ", n)}
		if got := said(v, i.Forge(t, jose.SigningKey{Algorithm: jose.ES256, Key: key}, here, "at+jwt", nil)); got != errForged.Error() {
			t.Fatal(got)
		}
	}
	if n := i.Asked("/keys"); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}
