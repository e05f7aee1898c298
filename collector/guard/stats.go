package guard

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Stats keeps the kernel's BPF run-time statistics on while somebody needs
// them: they cost each run of each BPF program of this machine two readings of
// the clock. The zero value is ready, and safe for concurrent use.
type Stats struct {
	mu     sync.Mutex
	users  int
	off    io.Closer
	enable func() (io.Closer, error) // nil but in tests
}

// Acquire turns the statistics on, and returns what gives them up again, to
// be called once or more. The kernel turns them off by itself where this
// process dies, if it is 5.8 or later; earlier ones have only a sysctl, which
// is put back as it was found.
func (s *Stats) Acquire() (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		enable := s.enable
		if enable == nil {
			enable = enableStats
		}
		if s.off, err = enable(); err != nil {
			return nil, err
		}
	}
	s.users++
	return sync.OnceFunc(s.release), nil
}

func (s *Stats) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		_ = s.off.Close()
		s.off = nil
	}
}

const statsSysctl = "/proc/sys/kernel/bpf_stats_enabled"

func enableStats() (io.Closer, error) {
	c, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err == nil {
		return c, nil
	}
	old, errRead := os.ReadFile(statsSysctl)
	switch {
	case errRead != nil:
	case strings.TrimSpace(string(old)) != "0":
		return sysctl(""), nil // on already, and somebody else's
	default:
		if errWrite := os.WriteFile(statsSysctl, []byte("1"), 0); errWrite == nil {
			return sysctl("0"), nil
		}
	}
	return nil, fmt.Errorf("turn on BPF run-time statistics: %w", err)
}

// sysctl is the value to put back; "" is none.
type sysctl string

func (s sysctl) Close() error {
	if s == "" {
		return nil
	}
	return os.WriteFile(statsSysctl, []byte(s), 0)
}
