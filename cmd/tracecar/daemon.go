//go:build !light

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"tracecar/collector"
	"tracecar/collector/audit"
	"tracecar/collector/otlp"
	"tracecar/collector/policy"
	"tracecar/config"
	"tracecar/mcp"
	"tracecar/mcp/auth"
)

// closeTimeout is how long tracecar waits at its end for bpftrace to detach
// and print its last maps, flushTimeout how long for the last export.
const (
	closeTimeout = 60 * time.Second
	flushTimeout = 5 * time.Second
)

// daemon is what mcp and serve have in common: the runner, what hangs on it,
// and the configuration they follow.
type daemon struct {
	log      *slog.Logger
	runner   *collector.Runner
	schedule *collector.Scheduler
	exporter *otlp.Exporter
	server   *mcp.Server
	audit    *audit.Log // nil: none
	auth     *auth.Auth // nil: nobody is asked who he is
	tls      *auth.TLS  // nil: plain HTTP

	mu    sync.Mutex
	cfg   *config.Config
	roles func(collector.Script) policy.Role
	// reloadErr is why the configuration on disk is not the one in force.
	reloadErr error
}

func newDaemon(ctx context.Context, cfg *config.Config, log *slog.Logger) (*daemon, error) {
	probes, err := scheduledProbes(cfg)
	if err != nil {
		return nil, err
	}
	opts, err := runnerOptions(cfg)
	if err != nil {
		return nil, err
	}
	telemetry := otlpConfig(cfg)
	telemetry.Logger = log
	d := &daemon{log: log, cfg: cfg}
	face := mcp.Config{}
	if err := d.faces(&face, cfg); err != nil {
		return nil, err
	}
	if d.audit, err = newAuditLog(&cfg.Audit); err != nil {
		return nil, err
	}
	if d.exporter, err = otlp.New(ctx, telemetry); err != nil {
		return nil, err
	}
	prepareHost()
	opts.Observers = []collector.Observer{d.exporter.Observe, d.observeForAudit}
	opts.Roles = d.role
	d.runner = collector.NewRunner(opts)
	d.schedule = collector.NewScheduler(d.runner, collector.SchedulerOptions{MaxWindows: cfg.Limits.MaxWindows, Logger: log})
	d.roles = roles(cfg)
	if face.Telemetry, err = newCallTelemetry(d.exporter.Tracer(), d.exporter.Meter()); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.server = mcp.New(d.mcpConfig(face, cfg))
	d.exporter.WatchProbes(d.schedule.Status)
	// The exporter counts failures, and logs when they begin and end.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	if err := d.schedule.Apply(probes); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// follow keeps up with the configuration file until ctx ends.
func (d *daemon) follow(ctx context.Context) {
	if d.cfg.Path() == "" {
		<-ctx.Done()
		return
	}
	err := d.cfg.Watch(ctx, func(cfg *config.Config, err error) { d.reload(cfg, err) })
	if err != nil && ctx.Err() == nil {
		d.log.Error("the configuration is not watched: changes need a restart", "error", err)
	}
}

// reload takes over what can be changed while running. A configuration with a
// mistake changes nothing, and shows at /readyz.
func (d *daemon) reload(cfg *config.Config, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		err = d.take(cfg)
	}
	d.reloadErr = err
	if err != nil {
		d.log.Error("the new configuration is not taken; the old one stays in force", "error", err)
	}
}

func (d *daemon) take(cfg *config.Config) error {
	probes, err := scheduledProbes(cfg)
	if err != nil {
		return err
	}
	if d.auth == nil && (len(cfg.Auth.Tokens) > 0 || cfg.Auth.TLS.ClientCA != "") {
		return errors.New("nobody was asked for a token at the start: restart tracecar to ask for them")
	}
	if d.auth != nil { // the one step that can refuse a good configuration goes first
		if err := d.auth.SetTokens(tokens(cfg)); err != nil {
			return err
		}
	}
	if err := d.exporter.SetProbes(otlpProbes(cfg)); err != nil {
		return err
	}
	if err := d.schedule.Apply(probes); err != nil {
		return err
	}
	d.roles = roles(cfg)
	changes := config.Diff(d.cfg, cfg)
	d.log.Info("configuration taken", "added", changes.Added, "changed", changes.Changed, "removed", changes.Removed)
	if len(changes.Restart) > 0 {
		d.log.Warn("these sections changed and need a restart of tracecar", "sections", changes.Restart)
	}
	d.cfg = cfg
	return nil
}

// close ends everything: probes first, so that their last maps are exported.
func (d *daemon) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	if err := errors.Join(d.schedule.Close(ctx), d.runner.Close(ctx)); err != nil {
		errs = append(errs, fmt.Errorf("bpftrace did not end in time: %w", err))
	}
	flush, cancelFlush := context.WithTimeout(context.Background(), flushTimeout)
	defer cancelFlush()
	if err := d.exporter.Shutdown(flush); err != nil {
		// The collector's absence is no failure of what was asked for here.
		d.log.Warn("the last export failed", "error", err)
	}
	if d.audit != nil {
		errs = append(errs, d.audit.Close())
	}
	return errors.Join(errs...)
}

// role is that of whoever asks for s, by the configuration in force.
func (d *daemon) role(s collector.Script) policy.Role {
	d.mu.Lock()
	roles := d.roles
	d.mu.Unlock()
	return roles(s)
}
