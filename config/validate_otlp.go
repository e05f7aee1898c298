package config

import (
	"fmt"
	"strings"
)

func (k *check) otlp() {
	o := &k.c.OTLP
	k.endpoint("otlp", o.Endpoint, o.Protocol)
	k.headers("otlp.headers", o.Headers)
	signals := []struct {
		key string
		s   *Signal
	}{{"otlp.metrics", &o.Metrics}, {"otlp.traces", &o.Traces}, {"otlp.logs", &o.Logs}}
	for _, one := range signals {
		protocol := one.s.Protocol
		if protocol == "" {
			protocol = o.Protocol
		}
		k.endpoint(one.key, one.s.Endpoint, protocol)
		k.headers(join(one.key, "headers"), one.s.Headers)
	}
	if o.TLS.InsecureSkipVerify && o.TLS.CA != "" {
		k.fail("otlp.tls.insecure_skip_verify", "trusts any certificate, and ca says which: want one of both", "")
	}
	for _, t := range []struct{ key, value string }{{"otlp.tls.ca", o.TLS.CA}, {"otlp.tls.cert", o.TLS.Cert}} {
		if t.value != "" && k.plaintextOnly() {
			k.fail(t.key, "no endpoint uses TLS: http:// is without, https:// with it", "")
		}
	}
}

// plaintextOnly tells whether there are endpoints, all without TLS: a CA
// would then give a false sense of safety.
func (k *check) plaintextOnly() bool {
	o := &k.c.OTLP
	some := false
	for _, e := range []string{o.Endpoint, o.Metrics.Endpoint, o.Traces.Endpoint, o.Logs.Endpoint} {
		if e == "" {
			continue
		}
		if some = true; strings.HasPrefix(strings.ToLower(e), "https:") {
			return false
		}
	}
	return some
}

func (k *check) endpoint(section, endpoint, protocol string) {
	if endpoint == "" {
		return
	}
	key := join(section, "endpoint")
	u := k.url(key, endpoint)
	switch {
	case u == nil:
	case u.RawQuery != "" || u.Fragment != "":
		k.fail(key, "must not have a query or fragment", "")
	case protocol == GRPC && strings.Trim(u.Path, "/") != "":
		k.fail(key, fmt.Sprintf("grpc has no paths, got %q", u.Path), "protocol: http/protobuf has")
	}
}

// headers checks names and values as HTTP and gRPC want them. Values may be
// secrets: they are not shown.
func (k *check) headers(key string, headers map[string]string) {
	for name, value := range headers {
		if !isToken(name) {
			k.failf(join(key, name), "%q is not a header's name", name)
		}
		for _, r := range value {
			if r < ' ' && r != '\t' || r > '~' {
				k.fail(join(key, name), "the value holds a character that a header cannot hold", "")
				break
			}
		}
	}
}

// isToken is RFC 9110's token, without the few characters gRPC refuses.
func isToken(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r) {
			return false
		}
	}
	return s != ""
}
