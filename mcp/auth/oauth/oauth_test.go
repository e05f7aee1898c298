package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tracecar/mcp/auth"
	"tracecar/mcp/auth/authtest"
)

const here = "https://tracecar.example/mcp"

// verifier runs a Verifier until the test ends.
func verifier(t *testing.T, c Config, change ...func(*timing)) *Verifier {
	t.Helper()
	if c.Audiences == nil {
		c.Audiences = []string{here}
	}
	c.Logger = slog.New(slog.DiscardHandler)
	v, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range v.issuers {
		i.wait = 20 * time.Second
		for _, f := range change {
			f(&i.timing)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { v.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return v
}

// said is what became of a token: "NAME/ROLE", or "STATUS MESSAGE".
func said(v *Verifier, token string) string {
	g, err := v.Verify(context.Background(), token)
	var e *auth.TokenError
	switch {
	case err == nil:
		return g.Name + "/" + g.Role
	case errors.As(err, &e):
		return fmt.Sprintf("%d %s", e.Status, e.Message)
	}
	return err.Error()
}

func TestVerify(t *testing.T) {
	i, other := authtest.NewIssuer(t, "", authtest.OAuthMetadata), authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v := verifier(t, Config{
		Issuers: []string{i.URL}, Audiences: []string{here, "api://tracecar"}, Scopes: []string{"trace"},
		Roles: []Role{
			{Scope: "trace:all", Role: "operator"},
			{Claim: "groups", Value: "netops", Role: "netops"},
			{Claim: "realm_access.roles", Value: "ops", Role: "ops"},
			{Claim: "https://a.b/role", Value: "x", Role: "namespaced"},
		},
	})
	type claims = map[string]any
	token := func(c claims) string {
		if _, given := c["scope"]; !given {
			c["scope"] = "trace"
		}
		return i.Token(t, "rsa", here, c)
	}
	alice := i.URL + "#alice/"
	now := time.Now()
	for _, tt := range []struct {
		what, token, want string
	}{
		{"RS256", token(claims{}), alice},
		{"ES256", i.Token(t, "ec", here, claims{"scope": "trace"}), alice},
		{"scopes as a list", token(claims{"scope": nil, "scp": []string{"a", "trace"}}), alice},
		{"aud as a list", token(claims{"aud": []string{"other", "api://tracecar"}}), alice},
		{"role by scope", token(claims{"scope": "trace trace:all", "groups": []string{"netops"}}), alice + "operator"},
		{"role by claim", token(claims{"groups": []string{"a", "netops"}}), alice + "netops"},
		{"role by nested claim", token(claims{"realm_access": claims{"roles": []string{"ops"}}}), alice + "ops"},
		{"role by claim with dots", token(claims{"https://a.b/role": "x"}), alice + "namespaced"},
		{"role that is only like it", token(claims{"groups": "netops2", "realm_access": "ops"}), alice},
		{"clock a bit off", token(claims{"exp": now.Add(-leeway / 2).Unix(), "nbf": now.Add(leeway / 2).Unix()}), alice},
		{"type JWT", i.Forge(t, i.Signer("rsa"), here, "JWT", claims{"scope": "trace"}), alice},

		{"no scope", token(claims{"scope": nil}), "403 the token lacks the scope trace"},
		{"a scope that is only like it", token(claims{"scope": "trace2 Trace"}), "403 the token lacks"},
		{"another audience", token(claims{"aud": "https://other.example"}), "401 the token is for another server"},
		{"no audience", token(claims{"aud": nil}), "401 the token is for another server"},
		{"an audience that is only like it", token(claims{"aud": here + "/"}), "401 the token is for another server"},
		{"expired", token(claims{"exp": now.Add(-time.Hour).Unix()}), "401 the token has expired"},
		{"no expiry", token(claims{"exp": nil}), "401 the token has no exp"},
		{"not yet", token(claims{"nbf": now.Add(time.Hour).Unix()}), "401 the token is not good yet"},
		{"nobody's", token(claims{"sub": nil}), "401 the token's sub"},
		{"a name with control characters", token(claims{"sub": "a\nb"}), "401 the token's sub"},
		{"a name without end", token(claims{"sub": strings.Repeat("a", 1000)}), "401 the token's sub"},
		{"bound to a key", token(claims{"cnf": claims{"jkt": "x"}}), "401 the token is bound"},

		{"another issuer's", other.Token(t, "rsa", here, claims{"scope": "trace"}), errForged.Error()},
		{"another's key", i.Forge(t, authtest.Stranger(), here, "at+jwt", claims{"scope": "trace"}), errForged.Error()},
		{"issuer that is only like it", token(claims{"iss": i.URL + "/"}), errForged.Error()},
		{"no issuer", token(claims{"iss": nil}), errForged.Error()},
		{"an ID token", i.Forge(t, i.Signer("rsa"), here, "id_token+jwt", claims{"scope": "trace"}), errForged.Error()},
		{"expiry of another type", token(claims{"exp": "tomorrow"}), errForged.Error()},
		{"audience of another type", token(claims{"aud": claims{"a": 1}}), errForged.Error()},
		{"no token", "", errForged.Error()},
		{"no JWT", "a.b.c", errForged.Error()},
		{"encrypted", "a.b.c.d.e", errForged.Error()},
		{"JSON", `{"payload":"a","protected":"b.c","signature":"."}`, errForged.Error()},
		{"without end", token(claims{"x": strings.Repeat("x", maxToken)}), errForged.Error()},
	} {
		if got := said(v, tt.token); got != tt.want && (tt.want == alice || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// A token whose header says how it shall be believed is not.
func TestAlgorithms(t *testing.T) {
	i := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v := verifier(t, Config{Issuers: []string{i.URL}})
	good := i.Token(t, "rsa", here, nil)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	signer := i.Signer("rsa").Key.(jose.JSONWebKey)
	public, err := signer.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for what, token := range map[string]string{
		"none":                  b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"none in capitals":      b64([]byte(`{"alg":"NONE","kid":"rsa"}`)) + "." + parts[1] + "." + parts[2],
		"HMAC of a public key":  i.Forge(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: public, KeyID: "rsa"}}, here, "at+jwt", nil),
		"a key of its own":      embedded(t, i),
		"another of the key's":  i.Forge(t, jose.SigningKey{Algorithm: jose.PS256, Key: i.Signer("rsa").Key}, here, "at+jwt", nil),
		"the other key's name":  i.Forge(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.Signer("ec").Key.(jose.JSONWebKey).Key, KeyID: "rsa"}}, here, "at+jwt", nil),
		"other claims":          parts[0] + "." + b64([]byte(`{"iss":"`+i.URL+`","sub":"root","aud":"`+here+`","exp":9999999999}`)) + "." + parts[2],
		"a cut signature":       good[:len(good)-4],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"a critical header":     b64([]byte(`{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":true}`)) + "." + parts[1] + "." + parts[2],
		"another critical one":  b64([]byte(`{"alg":"RS256","kid":"rsa","crit":["x"],"x":1}`)) + "." + parts[1] + "." + parts[2],
		"two issuers":           parts[0] + "." + b64([]byte(`{"iss":"`+i.URL+`","iss":"x"}`)) + "." + parts[2],
		"deep claims":           parts[0] + "." + b64([]byte(`{"iss":`+strings.Repeat("[", 9000))) + "." + parts[2],
		"a header of no object": b64([]byte(`[]`)) + "." + parts[1] + "." + parts[2],
	} {
		if got := said(v, token); got != errForged.Error() {
			t.Errorf("%s: %s", what, got)
		}
	}
	if got := said(v, good); got != i.URL+"#alice/" {
		t.Errorf("the good one: %s", got)
	}
	// Without a key's name there must be no choice.
	i2 := authtest.NewIssuer(t, "", authtest.OAuthMetadata)
	v = verifier(t, Config{Issuers: []string{i2.URL}})
	anonymous := func(key string, alg jose.SignatureAlgorithm) string {
		return i2.Forge(t, jose.SigningKey{Algorithm: alg, Key: i2.Signer(key).Key.(jose.JSONWebKey).Key}, here, "JWT", nil)
	}
	if got := said(v, anonymous("rsa", jose.RS256)); got != i2.URL+"#alice/" {
		t.Errorf("one RSA key, no name: %s", got)
	}
	i2.AddRSA(t, "another", 2048)
	v = verifier(t, Config{Issuers: []string{i2.URL}})
	if got := said(v, anonymous("rsa", jose.RS256)); got != errForged.Error() {
		t.Errorf("two RSA keys, no name: %s", got)
	}
}

// embedded is signed with a key that it brings along.
func embedded(t *testing.T, i *authtest.Issuer) string {
	t.Helper()
	s, err := jose.NewSigner(authtest.Stranger(), &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	claims := fmt.Sprintf(`{"iss":%q,"sub":"root","aud":%q,"exp":%d}`, i.URL, here, time.Now().Add(time.Hour).Unix())
	sig, err := s.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	token, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestBadConfig(t *testing.T) {
	good := func(change func(*Config)) Config {
		c := Config{Issuers: []string{"https://issuer.example"}, Audiences: []string{here}}
		change(&c)
		return c
	}
	for what, c := range map[string]Config{
		"no issuer":            good(func(c *Config) { c.Issuers = nil }),
		"no audience":          good(func(c *Config) { c.Audiences = nil }),
		"empty audience":       good(func(c *Config) { c.Audiences = []string{""} }),
		"plain HTTP":           good(func(c *Config) { c.Issuers[0] = "http://issuer.example" }),
		"loopback in disguise": good(func(c *Config) { c.Issuers[0] = "http://localhost.issuer.example" }),
		"no URL":               good(func(c *Config) { c.Issuers[0] = "issuer" }),
		"a query":              good(func(c *Config) { c.Issuers[0] += "?a=b" }),
		"a password":           good(func(c *Config) { c.Issuers[0] = "https://a:b@issuer.example" }),
		"role of nothing":      good(func(c *Config) { c.Roles = []Role{{Role: "a"}} }),
		"role of both":         good(func(c *Config) { c.Roles = []Role{{Scope: "a", Claim: "b", Value: "c", Role: "a"}} }),
		"claim of no value":    good(func(c *Config) { c.Roles = []Role{{Claim: "b", Role: "a"}} }),
		"no role":              good(func(c *Config) { c.Roles = []Role{{Scope: "a"}} }),
	} {
		if v, err := New(c); err == nil || v != nil {
			t.Errorf("%s: taken", what)
		}
	}
}
