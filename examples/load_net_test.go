package examples

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tcp connects, accepts, talks, closes both ways, is refused, and resets.
func (l *workload) tcp() {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue // no IPv6
		}
		l.done.Go(func() {
			for i := 0; ; i++ {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_ = c.SetDeadline(time.Now().Add(time.Second))
				b := make([]byte, 100)
				n, _ := c.Read(b)
				_, _ = c.Write(b[:n])
				if i == 1 {
					_ = c.(*net.TCPConn).SetLinger(0) // closes with a reset
				}
				_ = c.Close()
			}
		})
		for range 2 {
			if c, err := net.Dial("tcp", listener.Addr().String()); err == nil {
				_ = c.SetDeadline(time.Now().Add(time.Second))
				_, _ = c.Write([]byte("hello"))
				b := make([]byte, 100)
				for {
					if _, err := c.Read(b); err != nil {
						break
					}
				}
				_ = c.Close()
			}
		}
		_ = listener.Close()
		if c, err := net.Dial("tcp", listener.Addr().String()); err == nil { // nobody listens any more
			_ = c.Close()
		}
	}
	l.lowPort()
}

// lowPort connects to a listener on a port that is not ephemeral.
func (l *workload) lowPort() {
	listener, err := net.Listen("tcp", "127.0.0.1:18053")
	if err != nil {
		return
	}
	defer listener.Close()
	if c, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		_ = c.Close()
	}
	if c, err := listener.Accept(); err == nil {
		_ = c.Close()
	}
}

// datagrams are sent to a name server that is not there, and to a port that
// nobody reads, where the kernel drops them.
func (l *workload) datagrams() {
	for _, address := range []string{"127.0.0.1:53", "[::1]:53", "127.0.0.1:9"} {
		c, err := net.Dial("udp", address)
		if err != nil {
			continue
		}
		_, _ = c.Write([]byte("anybody?"))
		_ = c.Close()
	}
}

// fullBacklog connects to a listener that accepts nothing and has no room
// left: the kernel drops the SYN, and sends it again after a second.
func (l *workload) fullBacklog(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}).String()
	for range 3 {
		l.done.Go(func() {
			for l.ctx.Err() == nil {
				d := net.Dialer{Timeout: 4 * time.Second}
				if c, err := d.DialContext(l.ctx, "tcp", address); err == nil {
					<-l.ctx.Done() // keeps its place in the backlog
					_ = c.Close()
				}
			}
		})
	}
}
