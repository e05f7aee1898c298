package auth

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func proxies(t testing.TB, addrs ...string) Proxies {
	t.Helper()
	var p Proxies
	for _, a := range addrs {
		prefix, err := ParseProxy(a)
		if err != nil {
			t.Fatal(err)
		}
		p.Trusted = append(p.Trusted, prefix)
	}
	return p
}

func TestAddressBehindProxies(t *testing.T) {
	p := proxies(t, "10.0.0.1", "10.1.0.0/16", "2001:db8::/64")
	both := p
	both.Forwarded = true
	for _, tt := range []struct {
		proxies           Proxies
		remote, for_, fwd string
		want              string
	}{
		{Proxies{}, "10.0.0.1:9", "192.0.2.1", "", "10.0.0.1:9"},
		{p, "192.0.2.9:9", "192.0.2.1", "for=192.0.2.1", "192.0.2.9:9"},
		{p, "10.0.0.1:9", "", "", "10.0.0.1:9"},
		{p, "10.0.0.1:9", "192.0.2.1", "", "192.0.2.1"},
		{p, "[::ffff:10.0.0.1]:9", "192.0.2.1", "", "192.0.2.1"},
		{p, "[2001:db8::7%eth0]:9", "192.0.2.1", "", "192.0.2.1"},
		{p, "10.0.0.2:9", "192.0.2.1", "", "10.0.0.2:9"},
		// What a client has made up stands before what the proxy adds.
		{p, "10.0.0.1:9", "198.51.100.1, 192.0.2.1", "", "192.0.2.1"},
		{p, "10.0.0.1:9", "10.0.0.1, 192.0.2.1", "", "192.0.2.1"},
		{p, "10.0.0.1:9", "198.51.100.1, 192.0.2.1, 10.1.2.3", "", "192.0.2.1"},
		{p, "10.0.0.1:9", "10.1.2.3, 10.1.2.4", "", "10.1.2.3"},
		{p, "10.0.0.1:9", "192.0.2.1,unknown", "", "10.0.0.1:9"},
		{p, "10.0.0.1:9", "192.0.2.1,,10.1.2.3", "", "10.1.2.3"},
		{p, "10.0.0.1:9", "192.0.2.1:4711", "", "192.0.2.1"},
		{p, "10.0.0.1:9", "[2001:db9::1]:4711", "", "2001:db9::1"},
		{p, "10.0.0.1:9", "2001:db9::1", "", "2001:db9::1"},
		{p, "10.0.0.1:9", "127.0.0.1\x00", "", "10.0.0.1:9"},
		// The header that the proxy does not set is the client's.
		{p, "10.0.0.1:9", "192.0.2.1", "for=198.51.100.1", "192.0.2.1"},
		{both, "10.0.0.1:9", "198.51.100.1", "for=192.0.2.1", "192.0.2.1"},
		{both, "10.0.0.1:9", "198.51.100.1", "", "10.0.0.1:9"},
		{both, "10.0.0.1:9", "", `For="[2001:db9::1]:4711";proto=https;by=10.0.0.1`, "2001:db9::1"},
		{both, "10.0.0.1:9", "", `for=198.51.100.1, proto=https ; for = 192.0.2.1`, "192.0.2.1"},
		{both, "10.0.0.1:9", "", `for=192.0.2.1, for=_hidden`, "10.0.0.1:9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		if tt.for_ != "" {
			r.Header.Set("X-Forwarded-For", tt.for_)
		}
		if tt.fwd != "" {
			r.Header.Set("Forwarded", tt.fwd)
		}
		if got := tt.proxies.Address(r); got != tt.want {
			t.Errorf("%s, %q, %q: %s, want %s", tt.remote, tt.for_, tt.fwd, got, tt.want)
		}
	}
	// Several headers are one list.
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:9"
	r.Header.Add("X-Forwarded-For", "198.51.100.1")
	r.Header.Add("X-Forwarded-For", "192.0.2.1")
	if got := p.Address(r); got != "192.0.2.1" {
		t.Errorf("two headers: %s", got)
	}
	for _, bad := range []string{"", "proxy.example", "10.0.0.1:80", "10.0.0.0/33"} {
		if _, err := ParseProxy(bad); err == nil {
			t.Errorf("%q: taken", bad)
		}
	}
	if p, err := ParseProxy("10.1.2.3/16"); err != nil || p != netip.MustParsePrefix("10.1.0.0/16") {
		t.Errorf("%v %v", p, err)
	}
}

// Behind a proxy each client has its own limit, and a client that names others
// in the header does not use up theirs.
func TestGuessingBehindAProxy(t *testing.T) {
	var told []Refusal
	a := newAuth(t, func(o *Options) {
		o.Proxies = proxies(t, "10.0.0.1")
		o.Refused = func(r Refusal) { told = append(told, r) }
	})
	ask := func(secret, from string) int {
		r := request("Bearer " + secret)
		r.RemoteAddr = "10.0.0.1:9"
		r.Header.Set("X-Forwarded-For", from)
		_, d := a.Authenticate(r, "")
		if d == nil {
			return 200
		}
		return d.Status
	}
	for range guesses.Burst {
		if got := ask("wrong", "192.0.2.7, 192.0.2.66"); got != 401 {
			t.Fatalf("a guess: %d", got)
		}
	}
	if got := ask("wrong", "192.0.2.8, 192.0.2.66"); got != 429 {
		t.Errorf("a guess too many, under another made-up address: %d", got)
	}
	for _, from := range []string{"192.0.2.7", "192.0.2.8"} {
		if got := ask("secret-of-ann", from); got != 200 {
			t.Errorf("%s: %d", from, got)
		}
	}
	if len(told) == 0 || told[0].Address != "192.0.2.66" {
		t.Errorf("told %+v", told)
	}
	if !a.Proxied("10.0.0.1:1234") || a.Proxied("10.0.0.2:1234") || (*Auth)(nil).Proxied("10.0.0.1:1") {
		t.Error("the proxies' connections are not known")
	}
}
