package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
	r.RemoteAddr = "192.0.2.1:5000"
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return r
}

func token(name, role, secret string) Token {
	return Token{Name: name, Role: role, SHA256: Hash(secret)}
}

func newAuth(t testing.TB, change ...func(*Options)) *Auth {
	t.Helper()
	o := Options{Tokens: []Token{token("ann", "operator", "secret-of-ann"), token("bob", "", "secret-of-bob")}}
	for _, c := range change {
		c(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthenticate(t *testing.T) {
	a := newAuth(t)
	for _, tt := range []struct {
		headers    []string
		name, role string
		status     int
		challenge  string
	}{
		{[]string{"Bearer secret-of-ann"}, "ann", "operator", 0, ""},
		{[]string{"bearer secret-of-bob"}, "bob", "caller", 0, ""},
		{[]string{"BEARER   secret-of-bob  "}, "bob", "caller", 0, ""},
		{nil, "", "", 401, `Bearer realm="tracecar"`},
		{[]string{"Bearer wrong"}, "", "", 401, `Bearer realm="tracecar", error="invalid_token", error_description="the token is not valid"`},
		{[]string{"Bearer secret-of-anna"}, "", "", 401, "invalid_token"},
		{[]string{"Bearer secret-of-an"}, "", "", 401, "invalid_token"},
		{[]string{"Bearer SECRET-OF-ANN"}, "", "", 401, "invalid_token"},
		{[]string{"Bearer secret-of-ann, Bearer secret-of-bob"}, "", "", 401, "invalid_token"},
		{[]string{"Bearer secret-of-ann\x00"}, "", "", 401, "invalid_token"},
		{[]string{"Bearer"}, "", "", 401, "invalid_request"},
		{[]string{"Bearer "}, "", "", 401, "invalid_request"},
		{[]string{""}, "", "", 401, "invalid_request"},
		{[]string{"secret-of-ann"}, "", "", 401, "invalid_request"},
		{[]string{"Basic c2VjcmV0LW9mLWFubg=="}, "", "", 401, "invalid_request"},
		{[]string{"Bearer secret-of-ann", "Bearer secret-of-ann"}, "", "", 400, ""},
	} {
		h, d := a.Authenticate(request(tt.headers...), "")
		if tt.status == 0 {
			if d != nil || h.Name != tt.name || h.Role != tt.role || h.Life.Err() != nil {
				t.Errorf("%q: %+v, %+v", tt.headers, h, d)
			}
			continue
		}
		if d == nil || d.Status != tt.status || !strings.Contains(d.Challenge, tt.challenge) || h.Name != "" || strings.Contains(d.Message, "secret") {
			t.Errorf("%q: %+v, %+v", tt.headers, h, d)
		}
	}
}

func TestBadTokens(t *testing.T) {
	for want, tokens := range map[string][]Token{
		"nobody could come in":  nil,
		"name is empty":         {token(" ", "", "x")},
		"control character":     {token("a\nb", "", "x")},
		"for certificates":      {token("cert:a", "", "x")},
		"for access tokens":     {token("oauth:https://i.example#a", "", "x")},
		`token of "a" is empty`: {token("a", "", "")},
		`"a" is empty`:          {{Name: "a"}},
		"two tokens":            {token("a", "", "x"), token("a", "", "y")},
		"the same token":        {token("a", "", "x"), token("b", "", "x")},
	} {
		if _, err := New(Options{Tokens: tokens}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestSetTokens(t *testing.T) {
	a := newAuth(t)
	ann, _ := a.Authenticate(request("Bearer secret-of-ann"), "")
	bob, _ := a.Authenticate(request("Bearer secret-of-bob"), "")
	// ann stays in another role, bob's token is replaced, cid is new.
	if err := a.SetTokens([]Token{token("cid", "", "secret-of-cid"), token("ann", "caller", "secret-of-ann"), token("bob", "", "new")}); err != nil {
		t.Fatal(err)
	}
	if ann.Life.Err() != nil {
		t.Error("the life of a token that stays has ended")
	}
	if bob.Life.Err() == nil {
		t.Error("the life of a token that has gone goes on")
	}
	if h, d := a.Authenticate(request("Bearer secret-of-ann"), ""); d != nil || h.Role != "caller" || h.Life != ann.Life {
		t.Errorf("%+v %+v", h, d)
	}
	if _, d := a.Authenticate(request("Bearer secret-of-bob"), ""); d == nil {
		t.Error("a token that has gone is taken")
	}
	if h, d := a.Authenticate(request("Bearer new"), ""); d != nil || h.Name != "bob" || h.Life.Err() != nil {
		t.Errorf("%+v %+v", h, d)
	}
	// A bad list changes nothing.
	if err := a.SetTokens([]Token{token("", "", "x")}); err == nil {
		t.Error("no error")
	}
	if ann.Life.Err() != nil {
		t.Error("a bad list has ended a token")
	}
	// Without any token nobody comes in.
	if err := a.SetTokens(nil); err != nil {
		t.Fatal(err)
	}
	if _, d := a.Authenticate(request("Bearer secret-of-ann"), ""); d == nil || ann.Life.Err() == nil {
		t.Error("a token is taken after the last one has gone")
	}
	if _, d := a.Authenticate(request(), ""); d == nil {
		t.Error("with no tokens, everybody comes in")
	}
}

func TestGuessing(t *testing.T) {
	var told []Refusal
	a := newAuth(t, func(o *Options) { o.Refused = func(r Refusal) { told = append(told, r) } })
	now := time.Now()
	a.wrong.now = func() time.Time { return now }
	a.warned.now = a.wrong.now
	for i := range guesses.Burst {
		if _, d := a.Authenticate(request("Bearer wrong"), ""); d.Status != 401 {
			t.Fatalf("guess %d: %+v", i, d)
		}
	}
	for range 100 {
		// The right token tells nothing either.
		for _, secret := range []string{"wrong", "secret-of-ann"} {
			if _, d := a.Authenticate(request("Bearer "+secret), ""); d == nil || d.Status != 429 || d.RetryAfter <= 0 || d.RetryAfter > guesses.Every {
				t.Fatalf("%s: %+v", secret, d)
			}
		}
	}
	if n := guesses.Burst + 1; len(told) != n || told[n-1].Reason != "too many wrong tokens" || told[0].Reason != "wrong token" || told[0].Address != "192.0.2.1:5000" || told[0].Path != "/mcp" {
		t.Errorf("told %d: %+v", len(told), told)
	}
	// Who holds a session is not cut off, and cannot guess others' tokens by it.
	if h, d := a.Authenticate(request("Bearer secret-of-bob"), "bob"); d != nil || h.Name != "bob" {
		t.Errorf("%+v %+v", h, d)
	}
	for _, secret := range []string{"secret-of-ann", "wrong"} {
		if _, d := a.Authenticate(request("Bearer "+secret), "bob"); d == nil || d.Status != 429 {
			t.Errorf("%s: %+v", secret, d)
		}
	}
	// Others are not cut off, nor is who sends no token at all.
	r := request("Bearer secret-of-ann")
	r.RemoteAddr = "192.0.2.2:5000"
	if _, d := a.Authenticate(r, ""); d != nil {
		t.Errorf("another address: %+v", d)
	}
	if _, d := a.Authenticate(request(), ""); d.Status != 401 {
		t.Errorf("no token: %+v", d)
	}
	now = now.Add(guesses.Every)
	if _, d := a.Authenticate(request("Bearer secret-of-ann"), ""); d != nil {
		t.Errorf("after the wait: %+v", d)
	}
	// The right token costs nothing.
	for range 100 {
		if _, d := a.Authenticate(request("Bearer secret-of-ann"), ""); d != nil {
			t.Fatalf("%+v", d)
		}
	}
}

// Many guesses at once are not more than one after the other.
func TestGuessingAtOnce(t *testing.T) {
	a := newAuth(t)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 20 {
				if _, d := a.Authenticate(request("Bearer wrong"), ""); d.Status == 401 {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n > int64(guesses.Burst)+10 {
		t.Errorf("%d guesses were answered", n)
	}
}

func FuzzAuthenticate(f *testing.F) {
	a := newAuth(f)
	f.Fuzz(func(t *testing.T, header string) {
		a.wrong = Limiter{}
		h, d := a.Authenticate(request(header), "")
		right := len(header) > 7 && strings.EqualFold(header[:7], "Bearer ") &&
			(strings.Trim(header[7:], " ") == "secret-of-ann" || strings.Trim(header[7:], " ") == "secret-of-bob")
		if right != (d == nil) || right != (h.Name != "") {
			t.Errorf("%q: %+v, %+v", header, h, d)
		}
	})
}

func TestSeeds(t *testing.T) {
	if n := countSeeds(t, "FuzzAuthenticate"); n < 5 {
		t.Errorf("%d seeds", n)
	}
}

// within fails the test when ctx goes on for a long time.
func within(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
	}
}
