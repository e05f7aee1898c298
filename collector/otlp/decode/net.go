package decode

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"tracecar/parser"
)

// inet reads an address: a 32-bit number as it lies in memory (network order
// read by a little-endian machine, as sockets' fields print), hexadecimal
// text of 4 or 16 bytes, or 4 or 16 raw bytes. An address that is one already
// is written the usual way.
func inet(v parser.Value) parser.Value {
	if n, ok := v.Int64(); ok {
		if n < -1<<31 || n > 1<<32-1 {
			return v
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(n))
		return parser.Text(netip.AddrFrom4(b).String())
	}
	s := v.Text()
	if a, err := netip.ParseAddr(strings.TrimSpace(s)); err == nil {
		return parser.Text(a.Unmap().String())
	}
	if b, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(s), "0x")); err == nil {
		if a, ok := netip.AddrFromSlice(b); ok {
			return parser.Text(a.Unmap().String())
		}
	}
	if v.Kind() == parser.KindText {
		if a, ok := netip.AddrFromSlice([]byte(s)); ok {
			return parser.Text(a.Unmap().String())
		}
	}
	return v
}

// port turns a 16-bit port in network order, as sockets' fields print, into
// its number.
func port(v parser.Value) parser.Value {
	n, ok := integer(v)
	if !ok || n < 0 || n > 1<<16-1 {
		return v
	}
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], uint16(n))
	return parser.Int(int64(binary.BigEndian.Uint16(b[:])))
}

// services names ports by /etc/services, TCP's name first.
type services struct {
	path string
	once sync.Once
	byID map[int64]string
}

func newService() Decoder { return &services{path: "/etc/services"} }

// Decode names a port's number in host order: 443 is https.
func (s *services) Decode(v parser.Value) parser.Value {
	n, ok := integer(v)
	if !ok {
		return v
	}
	s.once.Do(s.load)
	if name, ok := s.byID[n]; ok {
		return parser.Text(name)
	}
	return v
}

func (s *services) load() {
	s.byID = map[int64]string{}
	f, err := os.Open(s.path)
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(fields[1], "/")
		n, err := strconv.ParseInt(number, 10, 32)
		if _, known := s.byID[n]; err == nil && (!known || protocol == "tcp") {
			s.byID[n] = fields[0]
		}
	}
}

// newIfname names a network interface of tracecar's own network name space.
func newIfname() Decoder {
	return &cache{look: func(index string) (string, bool) {
		n, err := strconv.Atoi(index)
		if err != nil {
			return "", false
		}
		i, err := net.InterfaceByIndex(n)
		if err != nil {
			return "", false
		}
		return i.Name, true
	}}
}
