package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

const (
	sessionHeader = "Mcp-Session-Id"
	versionHeader = "Mcp-Protocol-Version"
)

// streamable is the SDK's streamable HTTP with its open ends tied: sessions
// are bounded and belong to a token, a GET needs a session, calls of others
// cannot be cancelled, and progress goes to the answer of its own call.
func (s *Server) streamable() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids := r.Header.Values(sessionHeader)
		if len(ids) > 1 {
			writeError(w, r, http.StatusBadRequest, "there is more than one "+sessionHeader+" header")
			return
		}
		// Here and not in the SDK, which on DELETE looks for no owner.
		if len(ids) == 1 && s.sessions.get(ids[0]) != nil && s.sessions.of(ids[0], holderOf(r.Context()).Name) == nil {
			writeError(w, r, http.StatusNotFound, "unknown session; send initialize first")
			return
		}
		switch r.Method {
		case http.MethodPost:
			s.serveMessage(w, r)
		case http.MethodGet:
			modern := sdk.IsModernProtocol(r.Header.Get(versionHeader))
			if !modern && s.sessions.get(r.Header.Get(sessionHeader)) == nil {
				writeError(w, r, http.StatusNotFound, "unknown session; send initialize first")
				return
			}
			s.stream.ServeHTTP(w, r)
		case http.MethodDelete:
			s.stream.ServeHTTP(w, r)
		default:
			w.Header().Set("Allow", "GET, POST, DELETE")
			writeError(w, r, http.StatusMethodNotAllowed, r.Method+" is not allowed")
		}
	})
}

func (s *Server) serveMessage(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // in memory already, see guard
	if err != nil {
		writeError(w, r, http.StatusBadRequest, "the request has no body")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var m struct {
		Method string `json:"method"`
		Params struct {
			Meta *sdk.Meta `json:"_meta"`
		} `json:"params"`
	}
	// What does not parse is for the SDK to refuse.
	_ = json.Unmarshal(body, &m)
	r = s.fromHTTP(r)
	modern := sdk.IsModernProtocol(m.Params.Meta.ProtocolVersion()) || sdk.IsModernProtocol(r.Header.Get(versionHeader))
	if modern && m.Method == "notifications/cancelled" {
		// There are no sessions in this version, so the SDK would cancel
		// whichever call has the id, anyone's.
		writeError(w, r, http.StatusBadRequest, "notifications/cancelled is not taken over HTTP in this protocol version: close the call's response stream to cancel it")
		return
	}
	if m.Method == "initialize" && s.sessions.full(holderOf(r.Context()).Name) {
		s.refuseSession(w, r)
		return
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		// The client takes one JSON answer and no stream: no progress for it.
		s.stream.ServeHTTP(w, r.WithContext(withNotifier(r.Context(), noNotifier{})))
		return
	}
	u := &upgradeWriter{ResponseWriter: w}
	s.stream.ServeHTTP(u, r.WithContext(withNotifier(r.Context(), u)))
	u.finish()
}

type noNotifier struct{}

func (noNotifier) notify(sdk.JSONRPCNotification) error { return nil }

// upgradeWriter turns the answer to one POST into an event stream when the
// call sends a notification before it is done: the notifications are events,
// and the JSON that the SDK then writes becomes the last one.
type upgradeWriter struct {
	http.ResponseWriter
	mu       sync.Mutex
	started  bool // the SDK has begun to answer: too late for notifications
	upgraded bool
	answer   bytes.Buffer // the SDK's JSON, once upgraded
}

func (u *upgradeWriter) notify(n sdk.JSONRPCNotification) error {
	b, err := encode(n)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.started {
		return nil
	}
	if !u.upgraded {
		u.upgraded = true
		h := u.ResponseWriter.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no")
		u.ResponseWriter.WriteHeader(http.StatusOK)
	}
	return u.event(b)
}

func (u *upgradeWriter) event(data []byte) error {
	_, err := fmt.Fprintf(u.ResponseWriter, "event: message\ndata: %s\n\n", data)
	http.NewResponseController(u.ResponseWriter).Flush()
	return err
}

// WriteHeader, Write and Flush are the SDK's; it calls them on one goroutine.
func (u *upgradeWriter) WriteHeader(status int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.started = true
	if !u.upgraded {
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *upgradeWriter) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.started = true
	if u.upgraded {
		return u.answer.Write(b)
	}
	return u.ResponseWriter.Write(b)
}

func (u *upgradeWriter) Flush() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.started && !u.upgraded {
		http.NewResponseController(u.ResponseWriter).Flush()
	}
}

func (u *upgradeWriter) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// finish sends the answer of an upgraded call.
func (u *upgradeWriter) finish() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.upgraded || u.answer.Len() == 0 {
		return
	}
	// An event's data is one line, and the SDK's encoder ends it with a newline.
	_ = u.event(bytes.TrimSpace(u.answer.Bytes()))
}
