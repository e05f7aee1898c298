package auth

import (
	"sync"
	"time"
)

// Rate is how often something may happen: Burst times at once, then once
// every Every.
type Rate struct {
	Every time.Duration
	Burst int
}

// bucket holds the time at which what was taken so far is paid for, at one
// event every so long.
type bucket struct {
	paid  time.Time
	every time.Duration
}

// take notes one event and returns 0, or how long to wait until it may happen.
func (b *bucket) take(now time.Time, r Rate) time.Duration {
	if b.paid.Before(now) {
		b.paid = now
	}
	if b.every != r.Every { // the rate has changed: what is owed are events, not time
		if owed := b.paid.Sub(now); owed > 0 && b.every > 0 {
			b.paid = now.Add(time.Duration(float64(owed) / float64(b.every) * float64(r.Every)))
		}
		b.every = r.Every
	}
	if wait := b.paid.Sub(now) - r.Every*time.Duration(max(r.Burst, 1)-1); wait > 0 {
		return wait
	}
	b.paid = b.paid.Add(r.Every)
	return 0
}

const (
	// maxKeys bounds a Limiter: about 100 bytes each.
	maxKeys = 4096
	// sweepEvery is how often a full Limiter looks for keys to forget.
	sweepEvery = time.Second
)

// Limiter bounds rates by key. It remembers at most 4096 keys; while so many
// have something to pay, all others share one bucket. The zero value is usable.
type Limiter struct {
	mu    sync.Mutex
	keys  map[string]*bucket
	rest  bucket
	swept time.Time
	now   func() time.Time // nil: time.Now
}

// Take notes one event of key and returns 0, or notes nothing and returns how
// long to wait until it may happen.
func (l *Limiter) Take(key string, r Rate) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.time()
	return l.bucket(key, now).take(now, r)
}

// Give takes an event of key back.
func (l *Limiter) Give(key string, r Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key, l.time())
	b.paid = b.paid.Add(-r.Every)
}

func (l *Limiter) time() time.Time {
	if l.now != nil {
		return l.now()
	}
	return time.Now()
}

func (l *Limiter) bucket(key string, now time.Time) *bucket {
	if b := l.keys[key]; b != nil {
		return b
	}
	if l.keys == nil {
		l.keys = map[string]*bucket{}
	}
	if len(l.keys) >= maxKeys && now.Sub(l.swept) >= sweepEvery {
		l.swept = now
		for k, b := range l.keys {
			if !b.paid.After(now) {
				delete(l.keys, k) // as good as new
			}
		}
	}
	if len(l.keys) >= maxKeys {
		return &l.rest
	}
	b := &bucket{}
	l.keys[key] = b
	return b
}
