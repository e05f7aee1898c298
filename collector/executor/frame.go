package executor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The root helper and this process talk in frames over a unix stream socket:
// op, id (4 bytes), length (4 bytes), payload. What a payload holds is a list of
// strings, each with its length before it.
type frame struct {
	op      byte
	id      uint32
	payload []byte
}

const (
	opHello   = 'H' // from the helper: it is there, and root
	opStart   = 'S' // to: a request; once per helper
	opStarted = 'P' // from: process id; carries the ends to read of the pipes
	opRefused = 'E' // from: why nothing was started
	opSignal  = 'K' // to: a signal number
	opProbing = 'T' // to: the probes are attached, the bound on CPU time ends
	opExit    = 'X' // from: the exit status
	opAsk     = 'A' // to: name of a handler, payload
	opReply   = 'R' // from: the handler's answer
	opFailed  = 'F' // from: the handler's error

	// helloText names the protocol: helper and caller must be of one build kind.
	helloText = "tracecar root helper 3"

	maxRequest = 16 << 20  // to the helper
	maxReply   = 256 << 20 // from it: handlers hand over whole maps
)

// frameConn reads and writes frames. One goroutine may read; any may write.
type frameConn struct {
	c       *net.UnixConn
	max     uint32
	fds     []int // received and not taken yet
	oob     []byte
	writing sync.Mutex
}

func newFrameConn(c *net.UnixConn, max uint32) *frameConn {
	return &frameConn{c: c, max: max, oob: make([]byte, unix.CmsgSpace(8*4))}
}

func (f *frameConn) read() (frame, error) {
	var head [9]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return frame{}, err
	}
	fr := frame{op: head[0], id: binary.BigEndian.Uint32(head[1:])}
	n := binary.BigEndian.Uint32(head[5:])
	if n > f.max {
		return frame{}, fmt.Errorf("frame of %d bytes, more than %d", n, f.max)
	}
	fr.payload = make([]byte, n)
	_, err := io.ReadFull(f, fr.payload)
	return fr, err
}

// Read is for io.ReadFull: bytes, with descriptors collected beside them.
func (f *frameConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, oobn, _, _, err := f.c.ReadMsgUnix(p, f.oob)
	if oobn > 0 {
		f.collect(f.oob[:oobn])
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (f *frameConn) collect(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			f.fds = append(f.fds, fds...)
		}
	}
}

// dropFDs closes descriptors nobody took.
func (f *frameConn) dropFDs() {
	for _, fd := range f.fds {
		unix.Close(fd)
	}
	f.fds = nil
}

// write sends one frame, with descriptors where given. A peer that does not
// read for half a minute is an error.
func (f *frameConn) write(op byte, id uint32, payload []byte, fds ...int) error {
	b := make([]byte, 9, 9+len(payload))
	b[0] = op
	binary.BigEndian.PutUint32(b[1:], id)
	binary.BigEndian.PutUint32(b[5:], uint32(len(payload)))
	b = append(b, payload...)
	f.writing.Lock()
	defer f.writing.Unlock()
	_ = f.c.SetWriteDeadline(time.Now().Add(30 * time.Second))
	if len(fds) > 0 {
		n, _, err := f.c.WriteMsgUnix(b, unix.UnixRights(fds...), nil)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	_, err := f.c.Write(b)
	return err
}

var errShort = errors.New("payload is cut short")

func packStrings(ss ...string) (b []byte) {
	for _, s := range ss {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func unpackStrings(b []byte) (ss []string, err error) {
	for len(b) > 0 {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil, errShort
		}
		ss = append(ss, string(b[used:used+int(n)]))
		b = b[used+int(n):]
	}
	return ss, nil
}

// pack leaves out Limits.Ungrouped: a helper's caller does not choose whether
// root is bounded.
func (r *request) pack() []byte {
	return packStrings(append([]string{
		string(r.kind), r.path, r.version.String(), r.source, r.pattern, strconv.FormatBool(r.unsafe), r.tz,
		itoa(r.limits.MaxMapKeys), itoa(r.limits.MaxStrlen), itoa(r.limits.MaxProbes), itoa(r.limits.RingBufferPages),
		strconv.FormatUint(r.limits.Memory, 10), itoa(r.limits.CPUPercent), strconv.FormatUint(r.limits.compileSeconds(), 10),
		r.dir, string(packStrings(r.env...)),
	}, r.args...)...)
}

const packedFields = 16

func unpackRequest(b []byte) (*request, error) {
	ss, err := unpackStrings(b)
	if err != nil {
		return nil, err
	}
	if len(ss) < packedFields {
		return nil, errShort
	}
	r := &request{kind: kind(ss[0]), path: ss[1], source: ss[3], pattern: ss[4], unsafe: ss[5] == "true", tz: ss[6], args: ss[packedFields:]}
	r.version, err = ParseVersion(ss[2])
	for i, to := range []*int{&r.limits.MaxMapKeys, &r.limits.MaxStrlen, &r.limits.MaxProbes, &r.limits.RingBufferPages} {
		if n, e := strconv.ParseUint(ss[7+i], 10, 31); e != nil {
			err = errors.Join(err, e)
		} else {
			*to = int(n)
		}
	}
	var e error
	if r.limits.Memory, e = strconv.ParseUint(ss[11], 10, 64); e != nil {
		err = errors.Join(err, e)
	}
	percent, e := strconv.ParseUint(ss[12], 10, 20)
	r.limits.CPUPercent = int(percent)
	err = errors.Join(err, e)
	seconds, e := strconv.ParseUint(ss[13], 10, 20) // 12 days
	r.limits.CompileCPU = time.Duration(seconds) * time.Second
	err = errors.Join(err, e)
	r.dir = ss[14]
	r.env, e = unpackStrings([]byte(ss[15]))
	return r, errors.Join(err, e, checkHostVariables(r.env))
}

func (s exitStatus) pack() []byte {
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	lost := ""
	if s.lost != nil {
		lost = s.lost.Error()
	}
	return packStrings(n(int64(s.code)), n(int64(s.signal)), n(int64(s.user)), n(int64(s.system)), n(s.maxRSS), lost, strconv.FormatUint(s.oom, 10), n(int64(s.cpu)), strconv.FormatUint(s.data, 10))
}
