package mcp

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tracecar/collector"
	"tracecar/mcp/auth"

	sdkserver "github.com/mark3labs/mcp-go/server"
)

// Config makes a Server. Only Runner is required.
type Config struct {
	// Runner runs what callers ask for. The Server does not close it.
	Runner *collector.Runner
	// Version is tracecar's own, told to clients.
	Version string
	// Logger gets what goes wrong with clients; slog.Default if nil.
	Logger *slog.Logger

	// MaxBody bounds one HTTP request's body and one line on standard input,
	// in bytes (default 1 MiB).
	MaxBody int64
	// MaxScript bounds a script, in bytes (default 64 KiB).
	MaxScript int
	// MaxSessions bounds the HTTP sessions (default 512), of which one token
	// has at most half; a client that would be one more gets 503.
	MaxSessions int
	// SessionIdle ends a session of which nothing was heard (default 30 min).
	// It is never shorter than the longest run, whose caller is silent meanwhile.
	SessionIdle time.Duration
	// AllowedHosts and AllowedOrigins are taken beside the host's own. A Host
	// is given without its port ("tracecar.example"), an Origin in full
	// ("https://ui.example"), or as "*".
	AllowedHosts, AllowedOrigins []string

	// Auth says who may call over HTTP, and as whom; nil: everybody who
	// reaches the server. /healthz and /readyz are open in either case.
	Auth *auth.Auth
	// TLS makes Serve serve HTTPS; nil: plain HTTP.
	TLS *auth.TLS
	// Role is that of callers whom Auth has not named: on standard input, and
	// over HTTP where Auth is nil (default auth.RoleCaller).
	Role string
	// RoleLimits bounds what each holder of a role may have; nil: no bounds.
	RoleLimits func(role string) Limits
	// RoleBounds is what get_bpftrace_info tells of a role's bounds on runs, by
	// name; "max_timeout" is in seconds. nil: nothing.
	RoleBounds func(role string) map[string]int
	// Telemetry is told of requests and sessions; nil: nobody is.
	Telemetry Telemetry
	// Library is what scripts can be run by name; nil: none.
	Library Library
	// Scheduled gives the state of the scheduled probes, for list_runs; nil:
	// there are none.
	Scheduled func() []collector.ProbeStatus
	// Ready adds members to the answer of /readyz; they do not change its
	// status. nil: none.
	Ready func() map[string]any
	// Routes are served beside the server's own, behind the same guard.
	Routes []Route
}

// Route is one more thing served over HTTP.
type Route struct {
	// Pattern is that of http.ServeMux, with a path and no host:
	// "GET /metrics", "/ui/".
	Pattern string
	Handler http.Handler
	// Open serves it to callers without a token.
	Open bool
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxScript <= 0 {
		c.MaxScript = 64 << 10
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 512
	}
	if c.SessionIdle <= 0 {
		c.SessionIdle = 30 * time.Minute
	}
	if c.Role == "" {
		c.Role = auth.RoleCaller
	}
	hosts := make([]string, len(c.AllowedHosts))
	for i, h := range c.AllowedHosts {
		hosts[i] = hostOf(h)
	}
	c.AllowedHosts = hosts
}

// Server offers a Runner over MCP and HTTP. Its methods may be called from
// several goroutines.
type Server struct {
	cfg      Config
	runner   runner
	log      *slog.Logger
	sdk      *sdkserver.MCPServer
	byName   map[string]tool
	order    []string
	sessions *sessions
	lookups  *lookups
	limits   callLimits
	ready    readiness
	stream   *sdkserver.StreamableHTTPServer
	sse      *sdkserver.SSEServer
	mux      *http.ServeMux
	patterns []string     // of mux
	routes   http.Handler // the mux behind the guard
	// openRoutes are the patterns of mux that want no token.
	openRoutes map[string]bool

	// progressEvery is the least time between two progress notifications of
	// one call; headerTimeout is for a TLS handshake and a request's headers to
	// arrive, bodyTimeout for its whole body, writeTimeout for 64 KiB of an
	// answer to be taken. Fields so that tests need not wait.
	progressEvery, headerTimeout, bodyTimeout, writeTimeout time.Duration

	// life ends with Close, and with it every call in work.
	life      context.Context
	end       context.CancelFunc
	closeOnce sync.Once
}

// New returns a Server; nothing listens yet.
func New(cfg Config) *Server { return newServer(cfg, realRunner{cfg.Runner}) }

func newServer(cfg Config, r runner) *Server {
	cfg.setDefaults()
	s := &Server{
		cfg:           cfg,
		runner:        r,
		log:           cfg.Logger,
		sessions:      newSessions(cfg.MaxSessions, cfg.Telemetry),
		lookups:       newLookups(),
		byName:        map[string]tool{},
		progressEvery: time.Second,
		headerTimeout: 10 * time.Second,
		bodyTimeout:   30 * time.Second,
		writeTimeout:  30 * time.Second,
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.sdk = sdkserver.NewMCPServer("tracecar", cfg.Version, s.sdkOptions()...)
	for _, t := range s.tools() {
		s.byName[t.name] = t
		s.order = append(s.order, t.name)
		s.sdk.AddTool(t.definition(), s.handler(t))
	}
	s.addResources()
	s.addLibrary()
	s.addPrompts()
	s.buildHTTP()
	return s
}

// Close ends all sessions and calls, and with them the foreground runs, and
// makes Serve, ServeStdio and open streams return. Background runs belong to the Runner and go
// on. It is idempotent.
func (s *Server) Close(ctx context.Context) error {
	var err error
	s.closeOnce.Do(func() {
		s.end()
		s.sessions.closeAll()
		s.sse.CloseSessions()
		err = s.stream.Shutdown(ctx)
	})
	return err
}
