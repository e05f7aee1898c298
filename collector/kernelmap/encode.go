package kernelmap

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The stream is one frame per map and an empty one at the end. A frame is the
// length of a JSON header (4 bytes, big endian), the header (a Raw without
// its bytes), and then the bytes of keys and values, whose lengths follow from it.

const (
	maxHeader    = 1 << 20
	defaultLimit = 1 << 30
)

var errDamaged = errors.New("kernelmap: damaged dump")

// WriteRaws writes raws to w, for ReadRaws in another process on this host
// (numbers stay in the host's byte order).
func WriteRaws(w io.Writer, raws []Raw) error {
	for i := range raws {
		r := raws[i]
		if err := r.check(); err != nil {
			return fmt.Errorf("kernelmap: %s: %w", r.Name, err)
		}
		head, err := json.Marshal(header{Raw: r, Keys: nil, Values: nil})
		if err != nil {
			return fmt.Errorf("kernelmap: %w", err)
		}
		if err := writeAll(w, binary.BigEndian.AppendUint32(nil, uint32(len(head))), head, r.Keys, r.Values); err != nil {
			return err
		}
	}
	return writeAll(w, make([]byte, 4))
}

// header hides the bytes of a Raw from encoding/json.
type header struct {
	Raw
	Keys   *struct{} `json:",omitempty"`
	Values *struct{} `json:",omitempty"`
}

func writeAll(w io.Writer, parts ...[]byte) error {
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// ReadRaws reads what WriteRaws wrote, up to its end mark. It takes no more
// than limit bytes (0: 1 GiB) and returns an error, never a panic, for bytes
// that lie. Memory follows what has arrived, not what a header claims.
func ReadRaws(r io.Reader, limit int64) ([]Raw, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	in := &io.LimitedReader{R: r, N: limit}
	var raws []Raw
	for {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return nil, torn(err)
		}
		n := binary.BigEndian.Uint32(size[:])
		if n == 0 {
			return raws, nil
		}
		if n > maxHeader {
			return nil, errDamaged
		}
		head, err := readN(in, int64(n))
		if err != nil {
			return nil, err
		}
		var h header
		if err := json.Unmarshal(head, &h); err != nil {
			return nil, errDamaged
		}
		raw := h.Raw
		if !raw.sane() {
			return nil, errDamaged
		}
		if raw.Keys, err = readN(in, int64(raw.Count)*int64(raw.KeySize)); err != nil {
			return nil, err
		}
		if raw.Values, err = readN(in, int64(raw.Count)*int64(raw.Stride())); err != nil {
			return nil, err
		}
		raws = append(raws, raw)
	}
}

func readN(in *io.LimitedReader, n int64) ([]byte, error) {
	if n < 0 || n > in.N {
		return nil, errDamaged
	}
	var b bytes.Buffer
	b.Grow(int(min(n, 1<<20)))
	if got, err := io.CopyN(&b, in, n); got < n {
		return nil, torn(err)
	}
	return b.Bytes(), nil
}

func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errDamaged, io.ErrUnexpectedEOF)
	}
	return err
}
