package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check collects what is wrong.
type check struct {
	c     *Config
	files *fileReader
	errs  Errors
}

func (k *check) fail(key, message, hint string) {
	k.errs = append(k.errs, k.c.At(key, message, hint))
}

func (k *check) failf(key, format string, args ...any) {
	k.fail(key, fmt.Sprintf(format, args...), "")
}

func (k *check) failErr(key string, e *Error) {
	e.Position, e.Key = k.c.src.position(key), key
	k.errs = append(k.errs, e)
}

// given tells whether a key was written, even with its zero value.
func (k *check) given(key string) bool { return k.c.src.explicit(key) }

// Validate tells what in the Config contradicts itself or is out of range,
// without looking at any file. Load calls it; a Config made otherwise has no
// positions, and its errors name keys only. The error is of type Errors.
func (c *Config) Validate() error {
	k := check{c: c}
	k.tags(reflect.ValueOf(*c), "")
	k.listen()
	k.limits()
	k.otlp()
	k.auth()
	k.scrapePath()
	for key := range c.Resource.Attributes {
		if key == "" {
			k.fail("resource.attributes", "an attribute needs a name", "")
		}
	}
	for _, u := range []struct{ key, url string }{{"hub.url", c.Hub.URL}, {"hub.self_url", c.Hub.SelfURL}} {
		if u.url != "" {
			k.url(u.key, u.url)
		}
	}
	if c.Hub.SelfURL != "" && c.Hub.URL == "" {
		k.fail("hub.self_url", "there is no hub: url is missing", "")
	}
	k.guard()
	k.probes()
	return k.errs.result()
}

// guard: only runs that have a bound of their own are measured.
func (k *check) guard() {
	g := &k.c.Guard
	if g.TotalCPUPercent == 0 || g.CPUPercent > 0 {
		return
	}
	for _, r := range k.c.Roles {
		if r.CPUPercent > 0 {
			return
		}
	}
	k.fail("guard.total_cpu_percent", "with cpu_percent 0 no run is measured, so there is no total", "give cpu_percent a bound, 100 for a whole CPU")
}

// tags checks what the struct tags ask of single values. A zero value that
// nobody wrote means that the key was left out.
func (k *check) tags(v reflect.Value, path string) {
	for _, f := range fieldsOf(v.Type()) {
		fv, key := v.Field(f.index), join(path, f.name)
		if fv.IsZero() && f.required {
			if k.given(key) {
				k.fail(key, "must not be empty", "")
			} else {
				k.fail(key, "is missing", "")
			}
			continue
		}
		switch {
		case isSection(f.typ):
			k.tags(fv, key)
		case f.typ.Kind() == reflect.Slice && isSection(f.typ.Elem()):
			for i := range fv.Len() {
				k.tags(fv.Index(i), joinIndex(key, i))
			}
		case f.typ.Kind() == reflect.Map && isSection(f.typ.Elem()):
			for _, name := range sortedKeys(fv) {
				k.tags(fv.MapIndex(reflect.ValueOf(name)), join(key, name))
			}
		case fv.IsZero() && !k.given(key):
		case f.enum != nil:
			if word := fv.String(); !slices.Contains(f.enum, word) {
				hint := "want one of " + strings.TrimPrefix(strings.Join(f.enum, ", "), ", ")
				if near := nearest(word, f.enum); near != "" {
					hint = "did you mean " + near + "?"
				}
				k.fail(key, fmt.Sprintf("%q is not known", word), hint)
			}
		case f.min != "" || f.max != "":
			k.bounds(key, fv, f)
		}
	}
}

func sortedKeys(m reflect.Value) []string {
	var names []string
	for _, key := range m.MapKeys() {
		names = append(names, key.String())
	}
	slices.Sort(names)
	return names
}

// bounds compares a number, size or duration with its tags.
func (k *check) bounds(key string, v reflect.Value, f field) {
	compare := func(bound string) int {
		switch {
		case f.typ == durationType:
			b, _ := time.ParseDuration(bound)
			return int(max(min(time.Duration(v.Int())-b, 1), -1))
		case v.CanUint():
			b, _ := strconv.ParseUint(bound, 10, 64)
			switch {
			case v.Uint() < b:
				return -1
			case v.Uint() > b:
				return 1
			}
			return 0
		}
		b, _ := strconv.ParseFloat(bound, 64)
		got := 0.0
		if v.CanInt() {
			got = float64(v.Int())
		} else {
			got = v.Float()
		}
		switch {
		case got < b:
			return -1
		case got > b:
			return 1
		}
		return 0
	}
	if f.min != "" && compare(f.min) < 0 {
		k.failf(key, "must be at least %s, got %v", f.min, v.Interface())
	} else if f.max != "" && compare(f.max) > 0 {
		k.failf(key, "must be at most %s, got %v", f.max, v.Interface())
	}
}

// listen checks the address, and that nobody is let in by oversight.
func (k *check) listen() {
	addr := k.c.Listen
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		k.fail("listen", fmt.Sprintf("%q is not host:port", addr), "write 127.0.0.1:8421")
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		k.failf("listen", "%q is not a port", port)
		return
	} else if n == 0 && k.c.Hub.URL != "" && k.c.Hub.SelfURL == "" {
		k.fail("hub.self_url", "is missing: with listen's port 0 the hub could not find this server", "")
	}
	if loopback(host) || k.c.Auth.AllowInsecureBind {
		return
	}
	a := &k.c.Auth
	var missing []string
	if !a.Asks() {
		missing = append(missing, "auth.tokens (or auth.tls.client_ca, or auth.oauth)")
	}
	if a.TLS.Cert == "" {
		missing = append(missing, "auth.tls.cert")
	}
	if missing != nil {
		k.fail("listen", fmt.Sprintf("%q is not a loopback address, and there is no %s", addr, strings.Join(missing, " and no ")),
			"auth.allow_insecure_bind: true says that something in front does it")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

func (k *check) limits() {
	l := &k.c.Limits
	if l.DefaultTimeout > l.MaxTimeout {
		key := "limits.default_timeout"
		if !k.given(key) {
			key = "limits.max_timeout"
		}
		k.failf(key, "default_timeout (%v) is longer than max_timeout (%v)", l.DefaultTimeout, l.MaxTimeout)
	}
	k.memory("limits.memory", l.Memory)
	if p := l.RingBufferPages; p&(p-1) != 0 {
		k.failf("limits.ring_buffer_pages", "must be a power of two, got %d", p)
	}
}

// minMemory is what bpftrace takes of memory to compile a small script, and as much again (executor.Limits).
const minMemory = 512 << 20

func (k *check) memory(key string, s Size) {
	if s > 0 && s < minMemory {
		k.failf(key, "must be at least %v, got %v: bpftrace hardly compiles with less", Size(minMemory), s)
	}
}

// url checks an http or https URL with a host.
func (k *check) url(key, raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		hint := ""
		if !strings.Contains(raw, "://") {
			hint = "write http://" + raw + ", or https://" + raw + " for TLS"
		}
		k.fail(key, fmt.Sprintf("%q is not an http:// or https:// URL", redact(raw)), hint)
		return nil
	}
	switch n, err := strconv.ParseUint(u.Port(), 10, 16); {
	case u.Hostname() == "":
		k.failf(key, "%q has no host", redact(raw))
	case u.Port() != "" && (err != nil || n == 0):
		k.failf(key, "%q is not a port", u.Port())
	case u.User != nil:
		k.fail(key, "must not hold a user or password", "send them as a header")
	default:
		return u
	}
	return nil
}

// redact keeps a password in a URL out of logs.
func redact(raw string) string {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		return "…" + raw[i:]
	}
	return raw
}
