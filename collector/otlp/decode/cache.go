package decode

import (
	"sync"
	"time"

	"tracecar/parser"
)

// cacheSize bounds the entries of one cache, freshFor their age.
const (
	cacheSize = 4096
	freshFor  = 10 * time.Second
)

// cache remembers what was looked up, misses too.
type cache struct {
	look func(key string) (string, bool)

	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	value string
	ok    bool
	when  time.Time
}

func (c *cache) get(key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if e, ok := c.entries[key]; ok && now.Sub(e.when) < freshFor {
		return e.value, e.ok
	}
	if c.entries == nil || len(c.entries) >= cacheSize {
		c.entries = map[string]entry{}
	}
	e := entry{when: now}
	e.value, e.ok = c.look(key)
	c.entries[key] = e
	return e.value, e.ok
}

// Decode looks up a number, or text that is one.
func (c *cache) Decode(v parser.Value) parser.Value {
	key := plainText(v)
	if s, ok := c.get(key); ok {
		return parser.Text(s)
	}
	return v
}
