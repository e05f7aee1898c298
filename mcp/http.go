package mcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"tracecar/mcp/auth"

	sdkserver "github.com/mark3labs/mcp-go/server"
)

// Limits of the HTTP server that have no reason to be anyone's choice.
const (
	idleTimeout   = 2 * time.Minute // between two requests of a connection
	maxHeader     = 64 << 10
	maxConns      = 256              // more wait to be accepted; times MaxBody bounds the bodies
	maxPerAddress = maxConns / 2     // more are closed, but of loopback
	drainTimeout  = 10 * time.Second // for answers on their way at shutdown
	sseKeepAlive  = 15 * time.Second
)

// buildHTTP makes the handler of all routes.
func (s *Server) buildHTTP() {
	s.stream = sdkserver.NewStreamableHTTPServer(s.sdk,
		sdkserver.WithSessionIdManagerResolver(s.sessions),
		sdkserver.WithSessionIdleTTL(s.sessionIdle()),
		sdkserver.WithHeartbeatInterval(sseKeepAlive),
		sdkserver.WithStreamableHTTPLogger(s.log),
		// The guard below does it, for every route and with AllowedHosts.
		sdkserver.WithDisableLocalhostProtection(true),
	)
	s.sse = s.buildSSE()

	s.mux, s.openRoutes = http.NewServeMux(), map[string]bool{}
	s.handle("/mcp", s.streamable())
	s.handle("/sse", s.bounded(s.sse.SSEHandler()))
	s.handle("/message", s.message())
	s.handle("POST /api/mcp", http.HandlerFunc(s.serveAPI))
	s.handle("POST /api/mcp/request", http.HandlerFunc(s.serveAPI))
	s.handle("GET /api/tools", http.HandlerFunc(s.serveTools))
	s.handle("GET /healthz", http.HandlerFunc(s.serveHealth))
	s.handle("GET /readyz", http.HandlerFunc(s.serveReady))
	s.handle("GET "+auth.WellKnown, http.HandlerFunc(s.cfg.Auth.ServeMetadata))
	s.handle("GET "+auth.WellKnown+"/", http.HandlerFunc(s.cfg.Auth.ServeMetadata))
	for _, r := range s.cfg.Routes {
		s.handle(r.Pattern, r.Handler)
		if r.Open {
			s.openRoutes[r.Pattern] = true
		}
	}
	s.routes = s.guard(s.mux)
}

func (s *Server) handle(pattern string, h http.Handler) {
	s.mux.Handle(pattern, h)
	s.patterns = append(s.patterns, pattern)
}

// Patterns lists the patterns of all that is served, in http.ServeMux's words:
// for tests that hold each of them to what it must ask for.
func (s *Server) Patterns() []string { return slices.Clone(s.patterns) }

// sessionIdle is the configured idle time, but longer than the longest run:
// the caller of a foreground run is silent while it goes on.
func (s *Server) sessionIdle() time.Duration {
	return max(s.cfg.SessionIdle, s.runner.Options().MaxTimeout+5*time.Minute)
}

// Handler serves /mcp (streamable HTTP), /sse and /message (legacy SSE),
// /api/mcp, /api/mcp/request and /api/tools (JSON API), /healthz and
// /readyz, the OAuth metadata where there is any, and Config.Routes. Its server must set the read and write deadlines per request, as
// [Server.Serve] does; http.Server's ReadTimeout would end long calls.
func (s *Server) Handler() http.Handler { return s.routes }

// HTTPServer returns an http.Server over Handler with the limits set.
func (s *Server) HTTPServer() *http.Server {
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.headerTimeout, // and for the TLS handshake
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         new(http.Protocols),
		// What it says is about clients, and as often as they like.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	// One request per connection at a time: so the bound on connections bounds
	// the bodies in memory, and a write deadline means what it says.
	srv.Protocols.SetHTTP1(true)
	if s.cfg.TLS != nil {
		srv.TLSConfig = s.cfg.TLS.Config()
	}
	return srv
}

// Serve serves on ln, over TLS where there is one, until ctx or the Server ends, then lets answers on their
// way finish for a while and closes ln. It returns nil after such an end.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := s.HTTPServer()
	failed := make(chan error, 1)
	bounded := newBoundedListener(ln, maxConns, maxPerAddress)
	bounded.shared = s.cfg.Auth.Proxied
	watch, unwatch := context.WithCancel(ctx)
	defer unwatch()
	var watching sync.WaitGroup
	defer watching.Wait()
	if s.cfg.Auth != nil {
		watching.Go(func() { s.cfg.Auth.Watch(watch) })
	}
	if s.cfg.TLS == nil {
		go func() { failed <- srv.Serve(bounded) }()
	} else {
		watching.Go(func() { s.cfg.TLS.Watch(watch) })
		go func() { failed <- srv.ServeTLS(bounded, "", "") }()
	}
	select {
	case err := <-failed:
		unwatch()
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
	unwatch()
	return errors.Join(closeErr, err)
}
