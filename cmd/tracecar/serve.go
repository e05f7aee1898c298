//go:build !light

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tracecar/config"
	"tracecar/mcp"
	"tracecar/mcp/auth"
)

// daemonFlags are the flags of mcp and serve: the most used keys of the
// configuration, and the file itself.
type daemonFlags struct {
	file  string
	flags map[string]string // flag → key of the configuration
}

func (f *daemonFlags) add(cmd *cobra.Command) {
	f.flags = map[string]string{
		"bpftrace": "bpftrace.path", "sudo": "bpftrace.sudo", "default-timeout": "limits.default_timeout",
		"max-timeout": "limits.max_timeout", "max-runs": "limits.max_runs",
		"listen": "listen", "hub": "hub.url", "hub-url": "hub.self_url", "otlp-endpoint": "otlp.endpoint",
	}
	fl := cmd.Flags()
	fl.StringVar(&f.file, "config", "", "configuration `file` (see tracecar check)")
	fl.String("bpftrace", "", "`path` of bpftrace (default: the first in PATH)")
	fl.Bool("sudo", false, "use sudo -n when not root")
	fl.Duration("default-timeout", 30*time.Second, "`time` of a run whose caller names none")
	fl.Duration("max-timeout", time.Hour, "the longest `time` a caller may ask for")
	fl.Int("max-runs", 8, "ad hoc runs that may be live at once")
	fl.String("otlp-endpoint", "", "`URL` of an OpenTelemetry collector, such as http://localhost:4317")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.MarkFlagFilename("bpftrace")
}

// load reads the configuration: defaults, file, environment, then the flags
// that were given.
func (f *daemonFlags) load(cmd *cobra.Command) (*config.Config, error) {
	given := map[string]any{}
	for flag, key := range f.flags {
		if fl := cmd.Flags().Lookup(flag); fl != nil && fl.Changed {
			given[key] = fl.Value.String()
		}
	}
	cfg, err := config.Load(f.file, os.Environ(), given)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("the configuration is not good:\n%w", err)}
	}
	return cfg, nil
}

func newMCP() *cobra.Command {
	var f daemonFlags
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Serve MCP on standard input and output, for one agent",
		Long: `Serve the Model Context Protocol on standard input and output. An MCP client
starts this itself; in its configuration:

  {"mcpServers": {"tracecar": {"command": "tracecar", "args": ["mcp"]}}}

bpftrace needs root: start the client as root, or let tracecar use sudo
(see tracecar doctor).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load(cmd)
			if err != nil {
				return err
			}
			log, level := newLogger(cmd.ErrOrStderr(), &cfg.Log)
			d, err := newDaemon(cmd.Context(), cfg, log, level)
			if err != nil {
				return asFailure(err)
			}
			ctx, following := d.background(cmd.Context())
			err = d.server.ServeStdio(ctx, cmd.InOrStdin(), cmd.OutOrStdout())
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			following()
			return asFailure(errors.Join(err, d.close()))
		},
	}
	f.add(cmd)
	return cmd
}

func newServe() *cobra.Command {
	var f daemonFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "The daemon: MCP over HTTP, scheduled probes, metrics",
		Long: `Serve the Model Context Protocol over HTTP (streamable HTTP at /mcp, the older
SSE transport at /sse), a plain JSON API at /api/mcp, health at /healthz and
/readyz; and, with a configuration, keep its probes running and export what
they see: to an OpenTelemetry collector, or at /metrics where none is
configured.

It listens on this machine's loopback address unless told otherwise; whoever
can reach it can trace this machine.

  tracecar serve
  tracecar serve --config tracecar.yaml
  tracecar check tracecar.yaml       is it good, and what would it export?`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load(cmd)
			if err != nil {
				return err
			}
			return serve(cmd, cfg)
		},
	}
	f.add(cmd)
	cmd.Flags().String("listen", "127.0.0.1:8421", "`address` to listen on")
	cmd.Flags().String("hub", "", "`URL` of a hub to register with")
	cmd.Flags().String("hub-url", "", "the `URL` the hub shall find this server at (default: http://LISTEN)")
	return cmd
}

func serve(cmd *cobra.Command, cfg *config.Config) error {
	log, level := newLogger(cmd.ErrOrStderr(), &cfg.Log)
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return asFailure(err)
	}
	// The configuration was checked by the names in it, this is the address.
	if err := auth.CheckBind(ln.Addr().String(), cfg.Auth.Asks(), cfg.Auth.TLS.Cert != "", cfg.Auth.AllowInsecureBind); err != nil {
		return asFailure(errors.Join(err, ln.Close()))
	}
	d, err := newDaemon(cmd.Context(), cfg, log, level)
	if err != nil {
		return asFailure(errors.Join(err, ln.Close()))
	}
	scheme := "http://"
	if d.tls != nil {
		scheme = "https://"
	}
	url := scheme + ln.Addr().String()
	log.Info("listening", "mcp", url+"/mcp", "version", version())
	for _, p := range d.runner.Info(cmd.Context()).Problems {
		if p.Fix != "" {
			log.Warn(p.What, "mend it", p.Fix)
		}
	}
	ctx, following := d.background(cmd.Context())
	if cfg.Hub.URL != "" {
		hub := hubOf(&cfg.Hub, url)
		go func() {
			if err := d.server.Register(ctx, hub); err != nil {
				log.Error("not registered with the hub", "error", err)
			}
		}()
	}
	err = d.server.Serve(ctx, ln)
	following()
	return asFailure(errors.Join(err, d.close()))
}

// hubOf is what cfg says about the hub; url is where this server listens.
func hubOf(cfg *config.Hub, url string) mcp.Hub {
	h := mcp.Hub{URL: cfg.URL, ID: cfg.ID, Name: cfg.Name, Self: cfg.SelfURL}
	if h.Self == "" {
		h.Self = url
	}
	return h
}

// background follows the configuration and gives memory back; the returned
// function ends that and whatever else hangs on the returned context, and waits.
func (d *daemon) background(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { d.follow(ctx) })
	all.Go(func() { d.rest(ctx) })
	return ctx, func() {
		cancel()
		all.Wait()
	}
}

// mcpConfig is what cfg says about the faces.
func (d *daemon) mcpConfig(m mcp.Config, cfg *config.Config) mcp.Config {
	routes := []mcp.Route{
		{Pattern: "GET /{$}", Handler: index(cfg)},
		{Pattern: "GET /api/probes", Handler: http.HandlerFunc(d.serveProbes)},
		{Pattern: "GET /api/probes/{name}/stacks", Handler: http.HandlerFunc(d.serveStacks)},
	}
	if cfg.Scrape() {
		routes = append(routes, mcp.Route{
			Pattern: "GET " + cfg.Prometheus.Path, Handler: d.exporter.PrometheusHandler(), Open: !cfg.Auth.Metrics,
		})
	}
	m.Runner, m.Version, m.Logger = d.runner, version(), d.log
	m.AllowedHosts, m.AllowedOrigins = cfg.Auth.Hosts, cfg.Auth.Origins
	m.Routes, m.Ready, m.Scheduled, m.Library = routes, d.ready, d.schedule.Status, scriptLibrary{d.runner, d.config}
	return m
}

// newLogger writes to w; its level can be changed.
func newLogger(w io.Writer, cfg *config.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	setLevel(level, cfg.Level)
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), level
	}
	return slog.New(slog.NewTextHandler(w, opts)), level
}

func setLevel(v *slog.LevelVar, name string) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(name)) // Validate has read it
	v.Set(level)
}
