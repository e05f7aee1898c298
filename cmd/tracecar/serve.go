package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tracecar/collector"
	"tracecar/mcp"
)

// closeTimeout is how long tracecar waits at its end for bpftrace to detach
// and print its last maps.
const closeTimeout = 60 * time.Second

// daemonFlags are the flags of mcp and serve.
type daemonFlags struct {
	scriptFlags
	timeout, maxTimeout time.Duration
	maxRuns             int
}

func (f *daemonFlags) add(cmd *cobra.Command) {
	f.addHost(cmd)
	cmd.Flags().DurationVar(&f.timeout, "default-timeout", 30*time.Second, "`time` of a run whose caller names none")
	cmd.Flags().DurationVar(&f.maxTimeout, "max-timeout", time.Hour, "the longest `time` a caller may ask for")
	cmd.Flags().IntVar(&f.maxRuns, "max-runs", 8, "runs that may be live at once")
}

func (f *daemonFlags) build() (*collector.Runner, error) {
	if f.timeout <= 0 || f.maxTimeout < f.timeout || f.maxRuns < 1 {
		return nil, usageError("want 0 < --default-timeout <= --max-timeout and --max-runs >= 1")
	}
	prepareHost()
	// Callers may ask for sudo, so the helper is at hand whenever not root.
	f.sudo = f.sudo || os.Geteuid() != 0
	return f.runner(collector.Options{DefaultTimeout: f.timeout, MaxTimeout: f.maxTimeout, MaxRuns: f.maxRuns})
}

// closeRunner ends all runs, whatever ctx says.
func closeRunner(r *collector.Runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		return fmt.Errorf("bpftrace did not end in time: %w", err)
	}
	return nil
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
			r, err := f.build()
			if err != nil {
				return err
			}
			s := mcp.New(mcp.Config{Runner: r, Version: version(), Logger: logger(cmd)})
			err = s.ServeStdio(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			return asFailure(errors.Join(err, closeRunner(r)))
		},
	}
	f.add(cmd)
	return cmd
}

func newServe() *cobra.Command {
	var f daemonFlags
	var listen, hub, hubURL string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve MCP over HTTP: the daemon",
		Long: `Serve the Model Context Protocol over HTTP: streamable HTTP at /mcp, the older
SSE transport at /sse, a plain JSON API at /api/mcp, health at /healthz and
/readyz. It listens on this machine's loopback address unless told otherwise;
whoever can reach it can trace this machine.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := f.build()
			if err != nil {
				return err
			}
			ln, err := net.Listen("tcp", listen)
			if err != nil {
				return asFailure(err)
			}
			log := logger(cmd)
			s := mcp.New(mcp.Config{Runner: r, Version: version(), Logger: log})
			log.Info("listening", "mcp", fmt.Sprintf("http://%s/mcp", ln.Addr()), "version", version())
			for _, p := range r.Info(cmd.Context()).Problems {
				log.Warn(p.What, "mend it", p.Fix)
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			registered := make(chan error, 1)
			if hub != "" {
				if hubURL == "" {
					hubURL = "http://" + ln.Addr().String()
				}
				go func() {
					err := s.Register(ctx, mcp.Hub{URL: hub, Self: hubURL})
					if err != nil {
						cancel()
					}
					registered <- err
				}()
			} else {
				registered <- nil
			}
			err = s.Serve(ctx, ln)
			cancel()
			return asFailure(errors.Join(err, <-registered, closeRunner(r)))
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8421", "`address` to listen on")
	cmd.Flags().StringVar(&hub, "hub", "", "`URL` of a hub to register with")
	cmd.Flags().StringVar(&hubURL, "hub-url", "", "the `URL` the hub shall find this server at (default: http://LISTEN)")
	return cmd
}

func logger(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
}

func asFailure(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitFailed, err}
}
