package kernelmap

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The stream is one frame per map and an empty one at the end. A frame is the
// length of a JSON header (4 bytes, big endian), the header (a Raw without
// its bytes), and then the bytes of keys and values, whose lengths follow from it.

const maxHeader = 1 << 20

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

// RawsSize is the bytes that WriteRaws writes, without its headers.
func RawsSize(raws []Raw) (n int) {
	for i := range raws {
		n += len(raws[i].Keys) + len(raws[i].Values)
	}
	return n
}

// ReadRaws reads what WriteRaws wrote, which must be all of b. It returns an
// error, never a panic, for bytes that lie. The Raws share b's memory.
func ReadRaws(b []byte) ([]Raw, error) {
	var raws []Raw
	for {
		head, err := cutBytes(&b, 4)
		if err != nil {
			return nil, err
		}
		n := binary.BigEndian.Uint32(head)
		if n == 0 {
			if len(b) > 0 {
				return nil, errDamaged
			}
			return raws, nil
		}
		if n > maxHeader {
			return nil, errDamaged
		}
		if head, err = cutBytes(&b, int64(n)); err != nil {
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
		if raw.Keys, err = cutBytes(&b, int64(raw.Count)*int64(raw.KeySize)); err != nil {
			return nil, err
		}
		if raw.Values, err = cutBytes(&b, int64(raw.Count)*int64(raw.Stride())); err != nil {
			return nil, err
		}
		raws = append(raws, raw)
	}
}

// cutBytes takes n bytes off the front of b.
func cutBytes(b *[]byte, n int64) ([]byte, error) {
	if n < 0 || n > int64(len(*b)) {
		return nil, errDamaged
	}
	head := (*b)[:n:n]
	*b = (*b)[n:]
	return head, nil
}
