package mcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	sdk "github.com/mark3labs/mcp-go/mcp"
	sdkserver "github.com/mark3labs/mcp-go/server"
)

// buildSSE makes the legacy transport. The SDK detaches its calls from their
// client; the session opened here ends with the client's stream, and
// untilDisconnect ties the calls to it.
func (s *Server) buildSSE() *sdkserver.SSEServer {
	return sdkserver.NewSSEServer(s.sdk,
		sdkserver.WithKeepAliveInterval(sseKeepAlive),
		sdkserver.WithSSEDisableLocalhostProtection(true),
		// Named, so that the SDK does not open the stream to every web page.
		sdkserver.WithSSECORS(sdkserver.WithCORSAllowedOrigins(s.corsOrigins()...)),
		sdkserver.WithSessionIDGenerator(func(_ context.Context, r *http.Request) (string, error) {
			id := s.sessions.open(r.Context())
			if id == "" {
				return "", errors.New("too many sessions")
			}
			return id, nil
		}),
		sdkserver.WithSSEContextFunc(func(ctx context.Context, r *http.Request) context.Context {
			return withNotifier(ctx, sseNotifier{s, r.URL.Query().Get("sessionId")})
		}),
	)
}

// bounded answers 503 where one session more would be too many.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.sessions.full() {
			s.refuseSession(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) refuseSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "60")
	writeError(w, r, http.StatusServiceUnavailable, fmt.Sprintf("busy: %d sessions are open", s.cfg.MaxSessions))
}

// corsOrigins is never empty: with no origin named the SDK would allow all.
func (s *Server) corsOrigins() []string {
	if len(s.cfg.AllowedOrigins) > 0 {
		return s.cfg.AllowedOrigins
	}
	return []string{"http://localhost"}
}

// sseNotifier puts notifications into the queue that answers go through, so
// that a call's progress never comes after its answer.
type sseNotifier struct {
	server  *Server
	session string
}

func (n sseNotifier) notify(note sdk.JSONRPCNotification) error {
	return n.server.sse.SendEventToSession(n.session, note)
}
