package auth

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the reverse proxies in front of the server. What they say of
// their clients' addresses is believed, and nobody else's word.
type Proxies struct {
	// Trusted are their addresses.
	Trusted []netip.Prefix
	// Forwarded reads the header Forwarded (RFC 7239), and not X-Forwarded-For.
	// Only one is read: a proxy sets one, and may pass on the other as the
	// client has made it up.
	Forwarded bool
}

// ParseProxy reads an address, or a network: "10.0.0.0/8".
func ParseProxy(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	ip = ip.Unmap().WithZone("")
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}

// Trusts tells whether a proxy has the address (host:port).
func (p *Proxies) Trusts(hostport string) bool {
	ap, err := netip.ParseAddrPort(hostport)
	return err == nil && p.trusts(ap.Addr())
}

func (p *Proxies) trusts(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, t := range p.Trusted {
		if t.Contains(ip) {
			return true
		}
	}
	return false
}

// Address is where r comes from, as host:port or as an address: the other end
// of the connection, or, where that is a proxy, the last one in its header
// that is none. What stands before that in the header may be made up.
func (p *Proxies) Address(r *http.Request) string {
	if !p.Trusts(r.RemoteAddr) {
		return r.RemoteAddr
	}
	header := "X-Forwarded-For"
	if p.Forwarded {
		header = "Forwarded"
	}
	addr := r.RemoteAddr
	hops := strings.Split(strings.Join(r.Header.Values(header), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := hops[i]
		if p.Forwarded {
			hop = forwardedFor(hop)
		}
		ip, ok := hopAddress(hop)
		if !ok {
			return addr // who sent it is a proxy, and knows no better
		}
		if addr = ip.String(); !p.trusts(ip) {
			return addr
		}
	}
	return addr
}

// forwardedFor is the parameter "for" of one element of Forwarded.
func forwardedFor(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), "for") {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// hopAddress reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1" and "[2001:db8::1]:80".
func hopAddress(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}
