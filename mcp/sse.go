package mcp

import (
	"context"
	"errors"
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
		// Named, so that the SDK does not open the stream to every web page;
		// the guard says which pages may read it.
		sdkserver.WithSSECORS(sdkserver.WithCORSAllowedOrigins("https://nobody.invalid")),
		sdkserver.WithSessionIDGenerator(func(_ context.Context, r *http.Request) (string, error) {
			id := s.sessions.open(r.Context(), holderOf(r.Context()).Name)
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

// message takes the POSTs of legacy sessions from those that they belong to.
func (s *Server) message() http.Handler {
	next := s.sse.MessageHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids := r.URL.Query()["sessionId"]
		if len(ids) != 1 || s.sessions.of(ids[0], holderOf(r.Context()).Name) == nil {
			writeError(w, r, http.StatusNotFound, "unknown session; open /sse first")
			return
		}
		next.ServeHTTP(w, s.fromHTTP(r))
	})
}

// bounded answers 503 where one session more would be too many.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.sessions.full(holderOf(r.Context()).Name) {
			s.refuseSession(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) refuseSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "60")
	writeError(w, r, http.StatusServiceUnavailable, "busy: too many sessions are open; end one, or try again later")
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
