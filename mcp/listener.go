package mcp

import (
	"net"
	"sync"

	"tracecar/mcp/auth"
)

// boundedListener accepts a connection only when fewer than its bound are
// open; others wait in the kernel's queue. One address cannot have all of
// them: it would keep everybody out. Loopback can, where all have one address,
// and so can a reverse proxy.
type boundedListener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once

	perAddress int
	shared     func(addr string) bool // it is a proxy's; nil: none is
	mu         sync.Mutex
	open       map[string]int // by auth.AddressKey
}

func newBoundedListener(ln net.Listener, most, perAddress int) *boundedListener {
	return &boundedListener{Listener: ln, places: make(chan struct{}, most), closed: make(chan struct{}),
		perAddress: perAddress, open: map[string]int{}}
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.places
			return nil, err
		}
		addr := conn.RemoteAddr().String()
		key := auth.AddressKey(addr)
		if !l.enter(key, auth.Loopback(hostOf(addr)) || l.shared != nil && l.shared(addr)) {
			_ = conn.Close()
			continue
		}
		return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { l.exit(key); <-l.places })}, nil
	}
}

func (l *boundedListener) enter(key string, unbounded bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !unbounded && l.open[key] >= l.perAddress {
		return false
	}
	l.open[key]++
	return true
}

func (l *boundedListener) exit(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[key]--; l.open[key] == 0 {
		delete(l.open, key)
	}
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// boundedConn gives its place back when it is closed.
type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
