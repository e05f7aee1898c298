package kernelmap

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// maxMapBytes bounds what Dump keeps of one map, in bytes of keys and values.
	maxMapBytes = 256 << 20
	// batchBytes is about what one system call reads.
	batchBytes = 1 << 20
)

// readEntries fills r.Keys, r.Values, r.Count and r.Truncated from fd.
func readEntries(ctx context.Context, fd int, r *Raw, maxEntries int) error {
	size := int(r.KeySize) + r.Stride()
	limit := maxMapBytes / max(size, 1)
	if maxEntries > 0 {
		limit = min(limit, maxEntries)
	}
	err := readBatches(ctx, fd, r, limit)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, errnoNotSupp) {
		r.Keys, r.Values, r.Count, r.Truncated = nil, nil, 0, false
		err = readOneByOne(ctx, fd, r, limit)
	}
	return err
}

// readBatches uses BPF_MAP_LOOKUP_BATCH, which takes whole hash buckets under
// their lock. As bpftrace's hashes never grow, an entry stays in its bucket:
// each is seen exactly once, or not at all if it was deleted meanwhile.
func readBatches(ctx context.Context, fd int, r *Raw, limit int) error {
	ks, vs := int(r.KeySize), r.Stride()
	chunk := min(max(batchBytes/max(ks+vs, 1), 64), max(int(r.Capacity), 1))
	cursors := [2][]byte{make([]byte, max(ks, 8)), make([]byte, max(ks, 8))}
	var in []byte
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		out := cursors[i&1]
		r.Keys, r.Values = slices.Grow(r.Keys, chunk*ks), slices.Grow(r.Values, chunk*vs)
		keys, values := tail(r.Keys, chunk*ks), tail(r.Values, chunk*vs)
		n, done, err := lookupBatch(fd, in, out, keys, values, chunk)
		if errors.Is(err, unix.ENOSPC) && chunk < int(r.Capacity) {
			chunk *= 2 // one hash bucket holds more than a chunk
			i--
			continue
		}
		if err != nil {
			return err
		}
		r.Keys, r.Values = r.Keys[:len(r.Keys)+n*ks], r.Values[:len(r.Values)+n*vs]
		r.Count += n
		if r.Count > limit {
			cut(r, limit)
			return nil
		}
		if done {
			return nil
		}
		in = out
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

// tail returns n writable bytes behind b, within b's capacity; b is grown in
// place by the caller's reslicing.
func tail(b []byte, n int) []byte { return b[len(b) : len(b)+n] }

func cut(r *Raw, limit int) {
	r.Count, r.Truncated = limit, true
	r.Keys = slices.Clip(r.Keys[:limit*int(r.KeySize)])
	r.Values = slices.Clip(r.Values[:limit*r.Stride()])
}
