package mcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	sdkserver "github.com/mark3labs/mcp-go/server"
)

// Limits of the HTTP server that have no reason to be anyone's choice.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute // between two requests of a connection
	maxHeader     = 64 << 10
	maxConns      = 256              // more wait to be accepted
	drainTimeout  = 10 * time.Second // for answers on their way at shutdown
	sseKeepAlive  = 15 * time.Second
)

// buildHTTP makes the handler of all routes.
func (s *Server) buildHTTP() {
	s.stream = sdkserver.NewStreamableHTTPServer(s.sdk,
		sdkserver.WithSessionIdManager(s.sessions),
		sdkserver.WithSessionIdleTTL(s.sessionIdle()),
		sdkserver.WithHeartbeatInterval(sseKeepAlive),
		sdkserver.WithStreamableHTTPLogger(s.log),
		// The guard below does it, for every route and with AllowedHosts.
		sdkserver.WithDisableLocalhostProtection(true),
	)
	s.sse = s.buildSSE()

	mux := http.NewServeMux()
	mux.Handle("/mcp", s.streamable())
	mux.Handle("/sse", s.bounded(s.sse.SSEHandler()))
	mux.Handle("/message", s.sse.MessageHandler())
	mux.HandleFunc("POST /api/mcp", s.serveAPI)
	mux.HandleFunc("POST /api/mcp/request", s.serveAPI)
	mux.HandleFunc("GET /api/tools", s.serveTools)
	mux.HandleFunc("GET /healthz", s.serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReady)
	s.routes = s.guard(mux)
}

// sessionIdle is the configured idle time, but longer than the longest run:
// the caller of a foreground run is silent while it goes on.
func (s *Server) sessionIdle() time.Duration {
	return max(s.cfg.SessionIdle, s.runner.Options().MaxTimeout+5*time.Minute)
}

// Handler serves /mcp (streamable HTTP), /sse and /message (legacy SSE),
// /api/mcp, /api/mcp/request and /api/tools (JSON API), /healthz and
// /readyz. Its server must set the read and write deadlines per request, as
// [Server.Serve] does; http.Server's ReadTimeout would end long calls.
func (s *Server) Handler() http.Handler { return s.routes }

// HTTPServer returns an http.Server over Handler with the limits set.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
}

// Serve serves on ln until ctx or the Server ends, then lets answers on their
// way finish for a while and closes ln. It returns nil after such an end.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := s.HTTPServer()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(newBoundedListener(ln, maxConns)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	case <-s.life.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	// Ends the sessions, so that streams return and foreground runs stop and
	// answer with what they have.
	closeErr := s.Close(drain)
	err := srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-failed
	return errors.Join(closeErr, err)
}
