package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func countSeeds(t *testing.T, name string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join("testdata", "fuzz", name))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestLimiter(t *testing.T) {
	now := time.Now()
	l := &Limiter{now: func() time.Time { return now }}
	r := Rate{Every: time.Second, Burst: 3}
	for range 3 {
		if w := l.Take("a", r); w != 0 {
			t.Fatalf("wait %v", w)
		}
	}
	if w := l.Take("a", r); w != time.Second {
		t.Errorf("wait %v", w)
	}
	if w := l.Take("b", r); w != 0 {
		t.Errorf("another key waits %v", w)
	}
	l.Give("a", r)
	if w := l.Take("a", r); w != 0 {
		t.Errorf("given back, and wait %v", w)
	}
	now = now.Add(1500 * time.Millisecond)
	if w := l.Take("a", r); w != 0 {
		t.Errorf("wait %v", w)
	}
	if w := l.Take("a", r); w != 500*time.Millisecond {
		t.Errorf("wait %v", w)
	}
	// Time that goes by unused is no more than the burst.
	now = now.Add(time.Hour)
	for range 3 {
		if w := l.Take("a", r); w != 0 {
			t.Fatalf("wait %v", w)
		}
	}
	if w := l.Take("a", r); w == 0 {
		t.Error("more than the burst")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	now := time.Now()
	l := &Limiter{now: func() time.Time { return now }}
	r := Rate{Every: time.Minute, Burst: 1}
	free := 0
	for i := range 3 * maxKeys {
		if l.Take(fmt.Sprint(i), r) == 0 {
			free++
		}
	}
	if len(l.keys) != maxKeys || free != maxKeys+1 {
		t.Errorf("%d keys, %d were free", len(l.keys), free)
	}
	// Keys that are known keep their own bucket, and come free again.
	now = now.Add(2 * time.Minute)
	if w := l.Take("7", r); w != 0 {
		t.Errorf("wait %v", w)
	}
	if w := l.Take("new", r); w != 0 {
		t.Errorf("wait %v", w)
	}
	if len(l.keys) > 2 {
		t.Errorf("%d keys after all but two are paid for", len(l.keys))
	}
}

func TestAddressKey(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80":              "192.0.2.1",
		"[::ffff:192.0.2.1]:80":     "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"@":                         "@",
	} {
		if got := AddressKey(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestCheckBind(t *testing.T) {
	for _, tt := range []struct {
		listen              string
		auth, tls, insecure bool
		ok                  bool
	}{
		{"127.0.0.1:8421", false, false, false, true},
		{"127.9.9.9:0", false, false, false, true},
		{"localhost:8421", false, false, false, true},
		{"LOCALHOST:8421", false, false, false, true},
		{"[::1]:8421", false, false, false, true},
		{"[::ffff:127.0.0.1]:8421", false, false, false, true},
		{":8421", false, false, false, false},
		{"0.0.0.0:8421", false, false, false, false},
		{"[::]:8421", false, false, false, false},
		{"192.0.2.1:8421", true, false, false, false},
		{"192.0.2.1:8421", false, true, false, false},
		{"192.0.2.1:8421", true, true, false, true},
		{"192.0.2.1:8421", false, false, true, true},
		{"localhost.evil.example:8421", false, false, false, false},
		{"127.0.0.1.evil.example:8421", false, false, false, false},
		{"127.1:8421", false, false, false, false}, // some resolvers take it, we do not guess
		{"8421", false, false, true, false},
	} {
		if err := CheckBind(tt.listen, tt.auth, tt.tls, tt.insecure); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// Whoever has used up a low rate does not wait for it when the rate is raised.
func TestLimiterWithAnotherRate(t *testing.T) {
	now := time.Now()
	l := Limiter{now: func() time.Time { return now }}
	slow, fast := Rate{Every: time.Minute, Burst: 5}, Rate{Every: time.Second, Burst: 10}
	for range 5 {
		l.Take("a", slow)
	}
	if wait := l.Take("a", slow); wait != time.Minute {
		t.Errorf("at the low rate: %v", wait)
	}
	for i := range 5 { // five are owed
		if wait := l.Take("a", fast); wait != 0 {
			t.Errorf("at the high rate, %d: %v", i, wait)
		}
	}
	if wait := l.Take("a", fast); wait != time.Second {
		t.Errorf("past the high rate: %v", wait)
	}
	if wait := l.Take("a", slow); wait != 6*time.Minute {
		t.Errorf("at the low rate again: %v", wait)
	}
}
