//go:build !light

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"

	"tracecar/collector"
	"tracecar/collector/executor"
	"tracecar/collector/guard"
	"tracecar/collector/otlp"
	"tracecar/config"
	"tracecar/examples"
)

// runnerOptions is what cfg says about runs.
func runnerOptions(cfg *config.Config) (collector.Options, error) {
	l := &cfg.Limits
	o := collector.Options{
		Bpftrace: cfg.Bpftrace.Path,
		Limits: executor.Limits{
			MaxMapKeys: l.MaxMapKeys, MaxStrlen: l.MaxStrlen, MaxProbes: l.MaxProbes,
			RingBufferPages: l.RingBufferPages, Memory: uint64(l.Memory),
		},
		MaxRuns: l.MaxRuns, Queue: l.Queue, QueueWait: l.QueueWait,
		DefaultTimeout: l.DefaultTimeout, MaxTimeout: l.MaxTimeout, AttachTimeout: l.AttachTimeout,
		KeepRuns: l.KeepRuns, KeepFor: l.KeepFor,
		MaxEvents: l.MaxEvents, MaxRows: l.MaxRows, MaxEventBytes: int(l.MaxEventBytes),
		MaxOutput: uint64(l.MaxOutput), MaxHelperErrors: uint64(l.MaxHelperErrors),
		MaxScheduled: 1 << 20, // a reload may bring more, and places cost nothing
		Guard:        runnerGuard(cfg),
	}
	if l.Queue == 0 {
		o.Queue = -1 // none; 0 would be the default
	}
	// Callers may ask for sudo, so the helper is at hand whenever not root.
	if cfg.Bpftrace.Sudo || os.Geteuid() != 0 {
		helper, err := helperArgv()
		if err != nil {
			return o, err
		}
		o.Helper = helper
	}
	return o, nil
}

// schedulerOptions is what cfg says about how scheduled probes share the host.
func schedulerOptions(cfg *config.Config, log *slog.Logger) collector.SchedulerOptions {
	return collector.SchedulerOptions{MaxWindows: cfg.Limits.MaxWindows, Logger: log}
}

// runnerGuard is what cfg says about the cost of runs. How much one may take is
// a matter of its role: the operator's runs are not bounded.
func runnerGuard(cfg *config.Config) collector.Guard {
	return collector.Guard{Budget: guard.Budget{Window: cfg.Guard.Window}, SumPercent: cfg.Guard.TotalCPUPercent}
}

// scheduledProbes are the probes of cfg as the scheduler takes them. The error
// says what only the packages that are configured can tell.
func scheduledProbes(cfg *config.Config) ([]collector.Probe, error) {
	var out []collector.Probe
	var errs []error
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		errs = append(errs, placed(cfg, i, otlp.DecoderMistakes(otlpProbe(p)))...)
		probe := collector.Probe{
			Name: p.Name, Args: p.Args, Enabled: p.Enabled,
			Every: p.Every, Cron: p.Schedule, Interval: p.Interval, Duration: p.Duration, Jitter: p.Jitter,
			BackoffMin: p.Restart.Min, BackoffMax: p.Restart.Max, GiveUpAfter: p.Restart.GiveUpAfter,
			Sudo: cfg.Bpftrace.Sudo, Unsafe: p.Unsafe,
			// How a run is exported is fixed when it begins.
			Revision: fmt.Sprintf("%v %v %v %v", p.Metrics, p.Spans, p.Logs, p.MaxSeries),
		}
		if p.Periodic() {
			// restart is about bpftrace ending by itself; a window that failed
			// is followed by the next.
			probe.GiveUpAfter = 0
		}
		variants := p.Versions
		if p.Library != "" {
			s, vs, err := libraryScript(cfg, i, "library", p.Library, p.Args)
			errs = append(errs, err)
			probe.Source, probe.Args = s.Source, s.Args
			probe.Variants = vs
		} else {
			probe.Source = p.Source
		}
		for j, v := range variants {
			source := v.Source
			if v.Library != "" {
				s, _, err := libraryScript(cfg, i, fmt.Sprintf("versions[%d].library", j), v.Library, p.Args)
				errs = append(errs, err)
				source = s.Source
			}
			probe.Variants = append(probe.Variants, collector.Variant{Bpftrace: v.Bpftrace, Source: source})
		}
		out = append(out, probe)
	}
	if err := errors.Join(append(errs, clashes(cfg, out)...)...); err != nil {
		return nil, err
	}
	return out, nil
}

// clashes are the maps that would be one metric and cannot.
func clashes(cfg *config.Config, probes []collector.Probe) (errs []error) {
	declared := otlpProbes(cfg)
	var all []otlp.Declared
	for i := range probes {
		one := otlp.Declared{Name: probes[i].Name, Sources: []string{probes[i].Source}, Probe: declared[probes[i].Name]}
		for _, v := range probes[i].Variants {
			one.Sources = append(one.Sources, v.Source)
		}
		all = append(all, one)
	}
	for _, c := range otlp.Clashes(all) {
		errs = append(errs, placed(cfg, c.Probe, []otlp.Mistake{c.Mistake})...)
	}
	return errs
}

// libraryText is a script of the library with its parameters filled in.
type libraryText struct {
	Source string
	Args   []string
}

// libraryScript finds a script of the library for probe i, with its variants
// by version.
func libraryScript(cfg *config.Config, i int, key, name string, args []string) (libraryText, []collector.Variant, error) {
	s, ok := findScript(cfg.Library.Dirs, name, "")
	if !ok {
		return libraryText{}, nil, cfg.At(fmt.Sprintf("probes[%d].%s", i, key), fmt.Sprintf("no script %q in the library", name), "tracecar library lists them")
	}
	filled, err := s.Args(args)
	if err != nil {
		return libraryText{}, nil, cfg.At(fmt.Sprintf("probes[%d].args", i), err.Error(), "tracecar library "+name+" tells its parameters")
	}
	var variants []collector.Variant
	for j := len(s.Variants) - 1; j >= 0; j-- { // the newest first: the first that fits is taken
		if v, ok := findScript(cfg.Library.Dirs, name, s.Variants[j]); ok {
			variants = append(variants, collector.Variant{Bpftrace: ">=" + s.Variants[j], Source: v.Source})
		}
	}
	return libraryText{s.Source, filled}, variants, nil
}

// otlpConfig is what cfg says about telemetry.
func otlpConfig(cfg *config.Config) otlp.Config {
	o := &cfg.OTLP
	out := otlp.Config{
		TLS:         otlp.TLS{CA: o.TLS.CA, Cert: o.TLS.Cert, Key: o.TLS.Key, InsecureSkipVerify: o.TLS.InsecureSkipVerify},
		Compression: o.Compression,
		Interval:    o.Interval,
		Timeout:     o.Timeout,
		MaxSeries:   cfg.Limits.MaxSeries,
		Attributes:  cfg.Resource.Attributes,
		Version:     version(),
		Probes:      otlpProbes(cfg),
	}
	for _, s := range []struct {
		to *otlp.Target
		by func() (config.Target, bool)
	}{{&out.Metrics, o.MetricsTarget}, {&out.Traces, o.TracesTarget}, {&out.Logs, o.LogsTarget}} {
		if t, ok := s.by(); ok {
			*s.to = otlp.Target{URL: t.URL, Protocol: t.Protocol, Headers: t.Headers}
		}
	}
	return out
}

// otlpProbes are the declarations of cfg's probes; what a library script's
// header says of its maps stands where the configuration says nothing.
func otlpProbes(cfg *config.Config) map[string]otlp.Probe {
	out := map[string]otlp.Probe{}
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		op := otlpProbe(p)
		if s, ok := findScript(cfg.Library.Dirs, p.Library, ""); ok && p.Library != "" {
			declared := op.Metrics
			op.Metrics = libraryMetrics(s)
			maps.Copy(op.Metrics, declared)
		}
		out[p.Name] = op
	}
	return out
}

// otlpProbe is what the configuration itself declares of one probe.
func otlpProbe(p *config.Probe) otlp.Probe {
	op := otlp.Probe{MaxSeries: p.MaxSeries, LogSeverity: string(p.Logs), Metrics: map[string]otlp.Metric{}}
	for name, m := range p.Metrics {
		op.Metrics[name] = otlp.Metric{
			Name: m.Name, Unit: m.Unit, Description: m.Description, Attributes: m.Attributes, Type: m.Type,
			Exponential: m.Buckets == "exponential", Scale: m.ValueScale, Sum: m.Sum, Decode: m.Decode, Drop: m.Drop,
		}
	}
	for _, s := range p.Spans {
		op.Spans = append(op.Spans, otlpSpan(s))
	}
	return op
}

// placed are mistakes in what probe i declares, each with its place in the
// file.
func placed(cfg *config.Config, i int, mistakes []otlp.Mistake) (errs []error) {
	for _, m := range mistakes {
		errs = append(errs, cfg.At(fmt.Sprintf("probes[%d].%s", i, m.Key), m.Message, m.Hint))
	}
	return errs
}

func otlpSpan(s config.Span) otlp.Span {
	out := otlp.Span{
		Printf: otlpOutput(s.Printf), EndPrintf: otlpOutput(s.EndPrintf), Name: s.Name, Kind: s.Kind,
		Start: string(s.Start), End: string(s.End), Duration: string(s.Duration), Unit: s.Unit, TimeUnit: s.TimeUnit,
		Timeout: s.Timeout, TraceParent: string(s.TraceParent),
	}
	for _, k := range s.Key {
		out.Key = append(out.Key, string(k))
	}
	if s.Attributes != nil {
		out.Attributes = map[string]string{}
		for name, f := range s.Attributes {
			out.Attributes[name] = string(f)
		}
	}
	return out
}

func otlpOutput(o config.Output) otlp.Output { return otlp.Output{Index: o.Index, Format: o.Format} }

// libraryMetrics takes the header of a library script for its declarations.
func libraryMetrics(s examples.Script) map[string]otlp.Metric {
	out := map[string]otlp.Metric{}
	for _, m := range s.Maps {
		decl := otlp.Metric{Name: m.Metric, Unit: m.Unit, Description: m.Description, Decode: map[string]string{}}
		for _, k := range m.Keys {
			decl.Attributes = append(decl.Attributes, k.Name)
			if k.Decode != "" {
				decl.Decode[k.Name] = k.Decode
			}
		}
		out[m.Name] = decl
	}
	for _, name := range s.Scratch {
		out[name] = otlp.Metric{Drop: true}
	}
	return out
}

// findScript looks a script up in the folders of the configuration, then
// among the built-in ones.
func findScript(dirs []string, name, bpftraceVersion string) (examples.Script, bool) {
	if strings.ContainsAny(name, `/\`) || strings.Contains(name, "..") || name == "" {
		return examples.Script{}, false
	}
	for _, dir := range dirs {
		if s, ok := examples.GetDir(dir, name, bpftraceVersion); ok {
			return s, true
		}
	}
	return examples.Get(name, bpftraceVersion)
}
