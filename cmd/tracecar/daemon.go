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
	"tracecar/mcp/auth/oauth"
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
	audit    *audit.Log    // nil: none
	auth     *auth.Auth    // nil: nobody is asked who he is
	tls      *auth.TLS     // nil: plain HTTP
	began    chan struct{} // filled when a run begins

	level   *slog.LevelVar // of log
	started *config.Config

	mu  sync.Mutex
	cfg *config.Config // in force
	// scheduled are the probes of cfg, with the scripts of the library as they
	// were read then.
	scheduled []collector.Probe
	roles     func(collector.Script) policy.Role
	// refused is why the configuration on disk is not the one in force.
	refused error
	// restart are the keys of cfg that count from the next start only.
	restart []string
	// taken and rejected count the changes of the configuration.
	taken, rejected int64
	oauth           *oauth.Verifier // nil: no access tokens

	health health
}

// quietSDK keeps OpenTelemetry's SDK from writing to standard error: the
// exporter counts failures, and logs when they begin and end; of variables
// that the SDK cannot read the configuration tells.
func quietSDK() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) }

func newDaemon(ctx context.Context, cfg *config.Config, log *slog.Logger, level *slog.LevelVar) (*daemon, error) {
	probes, err := scheduledProbes(cfg)
	if err != nil {
		return nil, err
	}
	opts, err := runnerOptions(cfg)
	if err != nil {
		return nil, err
	}
	quietSDK()
	for _, err := range cfg.Unheard() {
		log.Warn("a variable of OpenTelemetry that is not honoured", "error", err)
	}
	telemetry := otlpConfig(cfg)
	telemetry.Logger = log
	d := &daemon{log: log, began: make(chan struct{}, 1), level: level, started: cfg, cfg: cfg, scheduled: probes}
	face := mcp.Config{}
	if err := d.faces(&face, cfg); err != nil {
		return nil, err
	}
	if d.audit, err = newAuditLog(&cfg.Audit); err != nil {
		return nil, err
	}
	if d.exporter, err = otlp.New(ctx, telemetry); err != nil {
		return nil, errors.Join(err, d.closeAudit())
	}
	prepareHost()
	opts.Observers = []collector.Observer{d.exporter.Observe, d.observeForAudit, d.observeForRest}
	opts.Decided = []func(collector.Decision){d.exporter.Decided, d.auditDecision}
	opts.Roles = d.role
	d.runner = collector.NewRunner(opts)
	d.schedule = collector.NewScheduler(d.runner, schedulerOptions(cfg, log))
	d.roles = roles(cfg)
	if face.Telemetry, err = newCallTelemetry(d.exporter.Tracer(), d.exporter.Meter()); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if err := errors.Join(d.measureReloads(d.exporter.Meter()), d.watchHealth(d.exporter.Meter())); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.server = mcp.New(d.mcpConfig(face, cfg))
	d.exporter.WatchProbes(d.schedule.Status)
	if err := d.schedule.Apply(probes); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.warn(cfg)
	return d, nil
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
	errs = append(errs, d.closeAudit())
	return errors.Join(errs...)
}

func (d *daemon) closeAudit() error {
	if d.audit == nil {
		return nil
	}
	return d.audit.Close()
}

// role is that of whoever asks for s, by the configuration in force.
func (d *daemon) role(s collector.Script) policy.Role {
	d.mu.Lock()
	roles := d.roles
	d.mu.Unlock()
	return roles(s)
}
