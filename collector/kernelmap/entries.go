package kernelmap

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// maxMapBytes bounds what Dump keeps of one map, in bytes of keys and values.
	maxMapBytes = 256 << 20
	// batchBytes is about what one system call reads at most: what fits a CPU's
	// cache is read at half the cost of what does not.
	batchBytes = 512 << 10
)

// readEntries fills r.Keys, r.Values, r.Count and r.Truncated from fd. about
// is how many entries the map may have, as far as the last look tells.
func readEntries(ctx context.Context, fd int, r *Raw, maxEntries, about int) error {
	size := int(r.KeySize) + r.Stride()
	limit := maxMapBytes / max(size, 1)
	if maxEntries > 0 {
		limit = min(limit, maxEntries)
	}
	err := readBatches(ctx, fd, r, limit, min(about, limit))
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, errnoNotSupp) {
		r.Keys, r.Values, r.Count, r.Truncated = nil, nil, 0, false
		err = readOneByOne(ctx, fd, r, limit)
	}
	return err
}

// batch is where the kernel puts what one system call reads. One is kept to be
// used over and over: memory that is not in the CPU's cache, or fresh from the
// kernel, costs as much as reading into it does. A sync.Pool would lose it to
// the garbage of the dump itself.
type batch struct{ keys, values []byte }

var spareBatch atomic.Pointer[batch]

// room gives place for n entries.
func (b *batch) room(n, keySize, stride int) (keys, values []byte) {
	b.keys, b.values = slices.Grow(b.keys[:0], n*keySize), slices.Grow(b.values[:0], n*stride)
	return b.keys[:n*keySize], b.values[:n*stride]
}

// readBatches uses BPF_MAP_LOOKUP_BATCH, which takes whole hash buckets under
// their lock. As bpftrace's hashes never grow, an entry stays in its bucket:
// each is seen exactly once, or not at all if it was deleted meanwhile.
func readBatches(ctx context.Context, fd int, r *Raw, limit, about int) error {
	ks, vs := int(r.KeySize), r.Stride()
	about += about / 8
	chunk := max(min(batchBytes/max(ks+vs, 1), about, int(r.Capacity)), 64)
	r.Keys, r.Values = slices.Grow(r.Keys, about*ks), slices.Grow(r.Values, about*vs)
	b := spareBatch.Swap(nil)
	if b == nil {
		b = new(batch)
	}
	defer spareBatch.Store(b)
	cursors := [2][]byte{make([]byte, max(ks, 8)), make([]byte, max(ks, 8))}
	var in []byte
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		out := cursors[i&1]
		keys, values := b.room(chunk, ks, vs)
		n, done, err := lookupBatch(fd, in, out, keys, values, chunk)
		if errors.Is(err, unix.ENOSPC) && chunk < int(r.Capacity) {
			chunk *= 2 // one hash bucket holds more than a chunk
			i--
			continue
		}
		if err != nil {
			return err
		}
		r.Keys, r.Values = append(r.Keys, keys[:n*ks]...), append(r.Values, values[:n*vs]...)
		r.Count += n
		if r.Count > limit {
			cut(r, limit)
			return nil
		}
		if done {
			return nil
		}
		in = out
		chunk = max(chunk, min(2*chunk, batchBytes/max(ks+vs, 1))) // more than there was last time
	}
}

// readOneByOne walks the keys. A delete at the walk's position makes the
// kernel start over, so keys already read are remembered.
func readOneByOne(ctx context.Context, fd int, r *Raw, limit int) error {
	ks, vs := int(r.KeySize), r.Stride()
	seen := map[string]bool{}
	var key []byte
	value := make([]byte, max(vs, 8))
	for steps := 0; ; steps++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := make([]byte, ks)
		err := nextKey(fd, key, next)
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			return err
		}
		key = next
		if seen[string(key)] {
			if steps > 4*int(r.Capacity)+1024 {
				r.Truncated = true // entries vanish faster than they can be walked
				return nil
			}
			continue
		}
		if err := lookup(fd, key, value); errors.Is(err, unix.ENOENT) {
			continue // deleted meanwhile
		} else if err != nil {
			return err
		}
		if r.Count == limit {
			r.Truncated = true
			return nil
		}
		seen[string(key)] = true
		r.Keys, r.Values = append(r.Keys, key...), append(r.Values, value[:vs]...)
		r.Count++
	}
}

func cut(r *Raw, limit int) {
	r.Count, r.Truncated = limit, true
	r.Keys = slices.Clip(r.Keys[:limit*int(r.KeySize)])
	r.Values = slices.Clip(r.Values[:limit*r.Stride()])
}
