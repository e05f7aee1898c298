package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// maxStdioCalls bounds the requests of a stdio client that are in work at
// once; one more is answered with an error, so that cancellations still get read.
const maxStdioCalls = 64

// stdioStopWait is longer than any run takes to end after SIGINT.
const stdioStopWait = 90 * time.Second

// ServeStdio serves one client on in and out, one JSON message per line,
// until in ends, out fails or ctx ends. The client's foreground runs are
// stopped then, and it returns when their handlers have. The error is nil at
// the end of in.
//
// It has its own loop over the SDK's messages: the SDK's stdio transport runs
// five calls at once, reads lines of any length, shares one global session
// and can send a call's progress after its answer.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &stdioClient{server: s, out: out, fail: cancel, calls: map[string]context.CancelFunc{}}
	if err := s.sdk.RegisterSession(ctx, c); err != nil {
		return err
	}
	defer s.sdk.UnregisterSession(context.WithoutCancel(ctx), c.SessionID())
	ctx = withNotifier(s.sdk.WithContext(ctx, c), c)

	ended := make(chan error, 1)
	// This goroutine outlives the call when ctx ends before in does: a read
	// of a pipe cannot be taken back.
	go func() { ended <- c.readAll(ctx, in) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.life.Done():
	}
	cancel()
	c.stop()
	if as := c.agreed.Load(); as != nil {
		as.Duration = time.Since(began)
		s.cfg.Telemetry.SessionEnded(*as)
	}
	if failed := c.failed.Load(); failed != nil {
		return fmt.Errorf("write to the client: %w", *failed)
	}
	return err
}

// stdioClient is the one client of a ServeStdio; it is the SDK's session and
// the notifier of its calls.
type stdioClient struct {
	server *Server
	fail   context.CancelFunc
	id     sync.Once
	name   string
	ready  atomic.Bool
	says   atomic.Pointer[sdk.Implementation]
	speaks atomic.Pointer[string]
	agreed atomic.Pointer[Session] // nil before its handshake

	writing sync.Mutex
	out     io.Writer
	failed  atomic.Pointer[error]

	mu      sync.Mutex
	calls   map[string]context.CancelFunc // by the id as it came
	stopped bool
	work    sync.WaitGroup
}

func (c *stdioClient) Initialize()       { c.ready.Store(true) }
func (c *stdioClient) Initialized() bool { return c.ready.Load() }
func (c *stdioClient) SessionID() string {
	c.id.Do(func() { c.name = "stdio-" + newID() })
	return c.name
}

// GetClientInfo and the three below make it the SDK's SessionWithClientInfo.
func (c *stdioClient) GetClientInfo() sdk.Implementation {
	if info := c.says.Load(); info != nil {
		return *info
	}
	return sdk.Implementation{}
}
func (c *stdioClient) SetClientInfo(info sdk.Implementation)          { c.says.Store(&info) }
func (c *stdioClient) GetClientCapabilities() sdk.ClientCapabilities  { return sdk.ClientCapabilities{} }
func (c *stdioClient) SetClientCapabilities(_ sdk.ClientCapabilities) {}

// ProtocolVersion and SetProtocolVersion make it the SDK's SessionWithProtocolVersion.
func (c *stdioClient) ProtocolVersion() string {
	if v := c.speaks.Load(); v != nil {
		return *v
	}
	return ""
}
func (c *stdioClient) SetProtocolVersion(version string) { c.speaks.Store(&version) }

// NotificationChannel is for broadcasts of the SDK, of which tracecar sends none.
func (c *stdioClient) NotificationChannel() chan<- sdk.JSONRPCNotification { return nil }

func (c *stdioClient) notify(n sdk.JSONRPCNotification) error { return c.write(n) }

func (c *stdioClient) write(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err = c.out.Write(append(b, '\n')); err != nil {
		// Nobody hears the answers any more: end the runs.
		c.failed.CompareAndSwap(nil, &err)
		c.fail()
	}
	return err
}

func (c *stdioClient) readAll(ctx context.Context, in io.Reader) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for ctx.Err() == nil {
		line, tooLong, err := readLine(r, c.server.cfg.MaxBody)
		if tooLong {
			_ = c.write(rpcError(nil, sdk.INVALID_REQUEST, fmt.Sprintf("the message is longer than %d bytes", c.server.cfg.MaxBody)))
		} else if line = bytes.TrimSpace(line); len(line) > 0 {
			c.take(ctx, line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the client: %w", err)
		}
	}
	return ctx.Err()
}

// readLine reads one line of at most limit bytes; of a longer one it keeps
// nothing. A last line without its newline counts.
func readLine(r *bufio.Reader, limit int64) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !tooLong && int64(len(line)+len(part)) > limit+1 {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// take handles one message. Requests run on goroutines of their own;
// notifications are handled here and so stay in order.
func (c *stdioClient) take(ctx context.Context, line []byte) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			RequestID json.RawMessage `json:"requestId"`
		} `json:"params"`
	}
	if !json.Valid(line) {
		_ = c.write(rpcError(nil, sdk.PARSE_ERROR, "the message is not valid JSON"))
		return
	}
	// A message of another shape is for the SDK to refuse.
	_ = json.Unmarshal(line, &m)
	if m.Method == "notifications/cancelled" {
		c.cancel(string(m.Params.RequestID))
		return
	}
	if len(m.ID) == 0 || string(m.ID) == "null" {
		if answer := c.server.sdk.HandleMessage(ctx, line); answer != nil {
			_ = c.write(answer)
		}
		return
	}
	id := string(m.ID)
	ctx, cancel := context.WithCancel(fromPipe(ctx))
	if msg := c.enter(id, cancel); msg != "" {
		cancel()
		_ = c.write(rpcError(m.ID, sdk.INVALID_REQUEST, msg))
		return
	}
	go func() {
		defer c.work.Done()
		defer c.leave(id, cancel)
		_ = c.write(c.handle(ctx, m.ID, line))
	}()
}

// handle never panics: a bug in one call must not take the others down.
func (c *stdioClient) handle(ctx context.Context, id json.RawMessage, line []byte) (answer any) {
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("panic in a call", "panic", p)
			answer = rpcError(id, sdk.INTERNAL_ERROR, "internal error")
		}
	}()
	if answer := c.server.sdk.HandleMessage(ctx, line); answer != nil {
		return answer
	}
	return rpcError(id, sdk.INVALID_REQUEST, "not a request")
}

// enter notes a request; it returns why it cannot be taken, or "".
func (c *stdioClient) enter(id string, cancel context.CancelFunc) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
		return "the server is stopping"
	case c.calls[id] != nil:
		return "a request with this id is in work"
	case len(c.calls) >= maxStdioCalls:
		return fmt.Sprintf("busy: %d requests are in work", maxStdioCalls)
	}
	c.calls[id] = cancel
	c.work.Add(1)
	return ""
}

func (c *stdioClient) leave(id string, cancel context.CancelFunc) {
	cancel()
	c.mu.Lock()
	delete(c.calls, id)
	c.mu.Unlock()
}

func (c *stdioClient) cancel(id string) {
	c.mu.Lock()
	cancel := c.calls[id]
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// stop takes no more requests and waits for those in work: their runs are
// ending. A client that has stopped reading without going away can hold an
// answer back for ever, so the wait has an end.
func (c *stdioClient) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() { c.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stdioStopWait):
		c.server.log.Warn("calls still in work at the end of standard input", "waited", stdioStopWait)
	}
}

// rpcError is a JSON-RPC error; id is as it came, nil where it is not known.
func rpcError(id json.RawMessage, code int, message string) any {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	return map[string]any{
		"jsonrpc": "2.0", "id": id,
		"error": map[string]any{"code": code, "message": message},
	}
}
