package auth

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// CheckBind returns an error where a server must not listen: beyond loopback
// without both auth (tokens, client certificates, issuers) and TLS, unless
// allowInsecure says that something in front does it. listen is host:port; an
// empty host means every address of the machine.
func CheckBind(listen string, auth, tls, allowInsecure bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%q is not host:port", listen)
	}
	if allowInsecure || Loopback(host) || auth && tls {
		return nil
	}
	var missing []string
	if !auth {
		missing = append(missing, "tokens, client certificates or OAuth issuers")
	}
	if !tls {
		missing = append(missing, "TLS")
	}
	return fmt.Errorf("%s is not a loopback address, and there is no %s: whoever reaches it could trace this machine", listen, strings.Join(missing, ", and no "))
}

// Loopback tells whether host, an address or a name, is this machine's loopback.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// AddressKey is the address that addr (host:port, or an address) counts as: one IPv4 address,
// or the /64 that one holder of IPv6 addresses usually has.
func AddressKey(addr string) string {
	ap, err := netip.ParseAddrPort(addr)
	ip := ap.Addr()
	if err != nil {
		if ip, err = netip.ParseAddr(addr); err != nil {
			return addr
		}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}
