package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tracecar/mcp/auth"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// guard stands before every route: which page may ask (Host and Origin), who
// asks (token, certificate), how often, how much (body) and how slowly
// (deadlines). Nothing of a request's body is read before its sender is known.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w = &deadlineWriter{ResponseWriter: w, control: http.NewResponseController(w), timeout: s.writeTimeout}
		if why := s.refuseOrigin(r); why != "" {
			writeError(w, r, http.StatusForbidden, why)
			return
		}
		if s.answerPreflight(w, r) {
			return
		}
		if !s.open(r) {
			var done func()
			if r, done = s.authenticate(w, r); r == nil {
				return
			}
			defer done()
		} else if r.Body != nil && r.Body != http.NoBody {
			// Nothing that is open wants a body, and its sender is not known.
			w.Header().Set("Connection", "close")
			r.Body = http.NoBody
		}
		if r.Body != nil && r.Body != http.NoBody {
			body, status, err := readBody(w, r, s.cfg.MaxBody, s.bodyTimeout)
			if err != nil {
				w.Header().Set("Connection", "close")
				writeError(w, r, status, err.Error())
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

// refuseOrigin says why r may not be served, or "". A web page must not drive
// a tracer that runs as root: neither through a name of its own that it lets
// resolve to this host (DNS rebinding: the Host is foreign), nor by a plain
// request across origins (the Origin is foreign).
func (s *Server) refuseOrigin(r *http.Request) string {
	host := hostOf(r.Host)
	named := slices.Contains(s.cfg.AllowedHosts, host)
	if onLoopback(r) && !loopback(host) && !named {
		return fmt.Sprintf("the Host header %q does not name this host", cut(r.Host, 100))
	}
	if len(s.cfg.AllowedHosts) > 0 && !named && !loopback(host) && host != localHost(r) {
		return fmt.Sprintf("the Host header %q is not allowed", cut(r.Host, 100))
	}
	origin := r.Header.Get("Origin")
	if len(r.Header.Values("Origin")) > 1 {
		return "there is more than one Origin header"
	}
	if origin == "" {
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			return "requests of other web sites are not allowed"
		}
		return ""
	}
	if s.allowsOrigin(origin) {
		return ""
	}
	// A page of this very host; by a name only where the name is known to be
	// this host's, for any name can be made to resolve to it.
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) && (named || address(host)) {
		return ""
	}
	return fmt.Sprintf("the Origin %q is not allowed", cut(origin, 100))
}

func onLoopback(r *http.Request) bool { return loopback(localHost(r)) }

// localHost is the address that r came to, "" where it is not known.
func localHost(r *http.Request) string {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || addr == nil {
		return ""
	}
	return hostOf(addr.String())
}

// hostOf is hostport without the port, in lower case; all of it where there is
// no port, or one that is no number.
func hostOf(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil && port != "" {
		host = hostport
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// address tells whether host is an address or localhost, not a name.
func address(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

func loopback(host string) bool { return auth.Loopback(host) }

// readBody reads r's whole body, at most limit bytes, within timeout; on an
// error it returns the HTTP status that fits. The deadline is lifted then: one
// still set would end a long call.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, timeout time.Duration) ([]byte, int, error) {
	control := http.NewResponseController(w)
	// Not every ResponseWriter has deadlines (a test's has none).
	_ = control.SetReadDeadline(time.Now().Add(timeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
	} // else it stands: net/http reads on to the body's end after the answer
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the request body is larger than %d bytes", limit)
	case err != nil:
		return nil, http.StatusRequestTimeout, errors.New("the request body did not arrive in full")
	}
	return body, 0, nil
}

// writeError answers in the form that the route's clients read.
func writeError(w http.ResponseWriter, r *http.Request, status int, message string) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		writeJSON(w, status, map[string]any{"success": false, "error": message})
	case r.URL.Path == "/mcp" || r.URL.Path == "/message":
		writeJSON(w, status, rpcError(nil, sdk.INVALID_REQUEST, message))
	default:
		writeJSON(w, status, map[string]any{"error": message})
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := encode(v)
	if err != nil {
		status, b = http.StatusInternalServerError, json.RawMessage(`{"error":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// writePiece is how much of an answer a client must take within the timeout.
const writePiece = 64 << 10

// deadlineWriter gives each piece of an answer its timeout, so that a client
// which stops reading is let go. A deadline on the whole answer would end long
// streams, and big answers on slow lines.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func (w *deadlineWriter) Write(b []byte) (int, error) {
	written := 0
	for {
		piece := b[written:min(written+writePiece, len(b))]
		_ = w.control.SetWriteDeadline(time.Now().Add(w.timeout))
		n, err := w.ResponseWriter.Write(piece)
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// Flush makes it an http.Flusher, which the SDK asks for.
func (w *deadlineWriter) Flush() {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.timeout))
	_ = w.control.Flush()
}

// Unwrap gives http.ResponseController the writer below.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
