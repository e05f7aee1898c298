package kernelmap

import (
	"context"
	"fmt"
	"slices"

	"tracecar/parser/script"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Dump reads the entries of all held maps, at most maxEntries per map (0: no
// such limit), and at most 256 MiB per map. A histogram has one entry per
// non-empty bucket, and in 0.17 an avg() or stats() value has two.
//
// Of a live map each entry is read as of its own instant; the two words of a
// stats() or avg() value may be one event apart. Once bpftrace has ended the
// answer is the final state. Dump may be called again, also after the end.
func (h *Holder) Dump(ctx context.Context, maxEntries int) ([]Raw, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dump(ctx, maxEntries, false)
}

// Tables is Dump and Decode in one, for whoever holds the maps in his own
// process: what was dumped is not kept, so its memory serves the next time too.
func (h *Holder) Tables(ctx context.Context, s *script.Script, version string) (*Tables, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	raws, err := h.dump(ctx, 0, true)
	if err != nil {
		return nil, err
	}
	return decode(raws, s, version, func(r *Raw) *memo {
		i := slices.IndexFunc(h.maps, func(m *held) bool { return m.info.ID == r.ID })
		return &h.maps[i].memo
	})
}

// dump is Dump; with reuse, what it returns is good until it is called again.
// mu is held.
func (h *Holder) dump(ctx context.Context, maxEntries int, reuse bool) ([]Raw, error) {
	_ = h.look() // maps made since the last look; its error is in err
	if h.closed {
		return nil, errClosed
	}
	select {
	case <-h.done: // nobody looks at the pending ones again: let strangers' maps go
		for _, m := range h.pending {
			unix.Close(m.fd)
		}
		h.pending = nil
	default:
	}
	if h.cpus == 0 {
		n, err := ebpf.PossibleCPU()
		if err != nil {
			return nil, fmt.Errorf("kernelmap: %w", err)
		}
		h.cpus = n
	}
	raws := make([]Raw, 0, len(h.maps))
	for _, m := range h.maps {
		r := h.describe(m)
		if reuse {
			r.Keys, r.Values = m.keys[:0], m.values[:0]
		}
		if err := readEntries(ctx, m.fd, &r, maxEntries, m.count); err != nil {
			return nil, fmt.Errorf("kernelmap: read %s: %w", r.Name, err)
		}
		if m.count = r.Count; reuse {
			m.keys, m.values = r.Keys, r.Values
		}
		raws = append(raws, r)
	}
	return raws, h.err
}

func (h *Holder) describe(m *held) Raw {
	r := Raw{
		Name: m.info.name(), ID: m.info.ID, Type: m.info.Type, CPUs: 1,
		KeySize: m.info.KeySize, ValueSize: m.info.ValueSize, Capacity: m.info.MaxEntries,
	}
	if r.perCPU() {
		r.CPUs = h.cpus
	}
	if m.info.BTFID == 0 {
		return r
	}
	l := h.btf[m.info.BTFID]
	if l == nil {
		var err error
		if l, err = readLayouts(m.info.BTFID); err != nil {
			l = &layouts{} // then the map has no layout, and Decode says so
		}
		h.btf[m.info.BTFID] = l
	}
	if v, ok := l.find(m.info); ok {
		r.FullName, r.Key, r.Value = v.name, v.key, v.value
	}
	return r
}
