package backend

import (
	"testing"
	"time"
)

// Patience bounds every wait: only a test that fails gets there.
const Patience = 30 * time.Second

// Until calls check until it returns nil. A test that waited for Patience
// fails with the last error.
func Until(tb testing.TB, what string, check func() error) {
	tb.Helper()
	deadline := time.Now().Add(Patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not after %s: %v", what, Patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
