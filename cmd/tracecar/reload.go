//go:build !light

package main

import (
	"context"
	"errors"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"tracecar/collector"
	"tracecar/collector/otlp"
	"tracecar/config"
)

// follow keeps up with the configuration file until ctx ends.
func (d *daemon) follow(ctx context.Context) {
	if d.started.Path() == "" {
		<-ctx.Done()
		return
	}
	err := d.started.Watch(ctx, d.reload)
	if err != nil && ctx.Err() == nil {
		d.log.Error("the configuration is not watched: changes need a restart", "error", err)
	}
}

// reload takes over what can be changed while running. A configuration with a
// mistake changes nothing, and shows: in the log, at /readyz, in the metrics.
func (d *daemon) reload(cfg *config.Config, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		err = d.take(cfg)
	}
	d.refused = err
	if err != nil {
		d.rejected++
		d.log.Error("the new configuration is not taken; the old one stays in force", "error", err)
		return
	}
	d.taken++
}

// take puts cfg in force, all of it or nothing; mu is held.
func (d *daemon) take(cfg *config.Config) error {
	probes, err := scheduledProbes(cfg)
	if err != nil {
		return err
	}
	for i := range probes {
		err = errors.Join(err, probes[i].Validate())
	}
	if err != nil {
		return err
	}
	if err := d.exporter.SetProbes(otlpProbes(cfg)); err != nil {
		return err
	}
	if err := d.retake(cfg); err != nil {
		return errors.Join(err, d.exporter.SetProbes(otlpProbes(d.cfg)))
	}
	if err := d.schedule.Apply(probes); err != nil {
		return err // it is closed: tracecar ends
	}
	d.roles = roles(cfg)
	d.runner.SetGuard(runnerGuard(cfg))
	setLevel(d.level, cfg.Log.Level)
	changes := config.Diff(d.cfg, cfg)
	changes.Changed = append(changes.Changed, rewritten(d.scheduled, probes, changes.Changed)...)
	d.log.Info("configuration taken", "added", changes.Added, "changed", changes.Changed, "removed", changes.Removed)
	// Counted from the start: what was changed before waits for it still.
	restart := config.Diff(d.started, cfg).Restart
	if len(restart) > 0 && !slices.Equal(restart, d.restart) {
		d.log.Warn("these keys of the configuration count from the next start of tracecar", "keys", restart)
	}
	d.cfg, d.scheduled, d.restart = cfg, probes, restart
	d.warn(cfg)
	return nil
}

// rewritten names the probes whose script is another one without a change of
// the configuration, which has only the name of a library's script; known are
// named already.
func rewritten(before, after []collector.Probe, known []string) (names []string) {
	for i := range after {
		p := &after[i]
		at := slices.IndexFunc(before, func(q collector.Probe) bool { return q.Name == p.Name })
		if at >= 0 && !slices.Contains(known, p.Name) &&
			(before[at].Source != p.Source || !slices.Equal(before[at].Variants, p.Variants)) {
			names = append(names, p.Name)
		}
	}
	return names
}

// warn says what the probes declare and their scripts do not have: such a
// declaration exports nothing. Which variant of a script it is held against
// depends on bpftrace; tracecar check tells.
func (d *daemon) warn(cfg *config.Config) {
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		if p.Source == "" || len(p.Versions) > 0 {
			continue
		}
		for _, err := range placed(cfg, i, otlp.Mistakes(p.Source, otlpProbe(p))) {
			d.log.Warn("a declaration that the script does not bear out", "probe", p.Name, "error", err)
		}
	}
}

// config is what is in force.
func (d *daemon) config() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

// measureReloads makes metrics of what became of changes of the configuration.
func (d *daemon) measureReloads(m metric.Meter) error {
	changes, err1 := m.Int64ObservableCounter("tracecar.config.changes", metric.WithUnit("{change}"),
		metric.WithDescription("Changes of the configuration since tracecar started, by what became of them: taken or refused"))
	refused, err2 := m.Int64ObservableGauge("tracecar.config.refused", metric.WithUnit("{file}"),
		metric.WithDescription("1 while the configuration on disk has a mistake and an older one is in force, else 0"))
	pending, err3 := m.Int64ObservableGauge("tracecar.config.pending", metric.WithUnit("{key}"),
		metric.WithDescription("Changed keys of the configuration that count from the next start of tracecar"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	_, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		var is int64
		if d.refused != nil {
			is = 1
		}
		o.ObserveInt64(refused, is)
		o.ObserveInt64(pending, int64(len(d.restart)))
		o.ObserveInt64(changes, d.taken, metric.WithAttributes(attribute.String("outcome", "taken")))
		o.ObserveInt64(changes, d.rejected, metric.WithAttributes(attribute.String("outcome", "refused")))
		return nil
	}, changes, refused, pending)
	return err
}
