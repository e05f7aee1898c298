package mcp

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tracecar/collector"

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
	// MaxSessions bounds the HTTP sessions (default 512); a client that would
	// be one more gets 503.
	MaxSessions int
	// SessionIdle ends a session of which nothing was heard (default 30 min).
	// It is never shorter than the longest run, whose caller is silent meanwhile.
	SessionIdle time.Duration
	// AllowedHosts and AllowedOrigins are taken beside the host's own. A Host
	// is given without its port ("tracecar.example"), an Origin in full
	// ("https://ui.example"), or as "*".
	AllowedHosts, AllowedOrigins []string
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
	ready    readiness
	stream   *sdkserver.StreamableHTTPServer
	sse      *sdkserver.SSEServer
	routes   http.Handler

	// progressEvery is the least time between two progress notifications of
	// one call; bodyTimeout is for a whole body to arrive, writeTimeout for
	// 64 KiB of an answer to be taken. Fields so that tests need not wait.
	progressEvery, bodyTimeout, writeTimeout time.Duration

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
		sessions:      newSessions(cfg.MaxSessions),
		lookups:       newLookups(),
		byName:        map[string]tool{},
		progressEvery: time.Second,
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
