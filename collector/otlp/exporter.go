package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"tracecar/collector"
	"tracecar/collector/otlp/decode"
)

// scopeName is the instrumentation scope of all that runs give.
const scopeName = "tracecar"

// Exporter turns runs into telemetry. It is safe for concurrent use.
type Exporter struct {
	cfg   Config
	clock bootClock

	started  time.Time
	resource *resource.Resource
	meters   *sdkmetric.MeterProvider
	scrapes  *sdkmetric.ManualReader
	tracers  *sdktrace.TracerProvider
	loggers  *sdklog.LoggerProvider
	spans    *queue[sdktrace.ReadOnlySpan] // nil where traces go nowhere
	logs     *queue[sdklog.Record]         // nil where logs go nowhere
	links    []*link
	logger   log.Logger

	scraping  sync.Mutex // one scrape at a time
	refreshes sync.WaitGroup

	mu     sync.Mutex
	probes map[string]Probe
	runs   []*runState // live ones and held ones, in order of their start
	slots  map[string][]bool
	stats  map[string]*stats
	// pending is what to do when the export of the last collection succeeds.
	pending []func()
	// received is the latest time in what was received over OTLP.
	received time.Time
	self     selfStats
	watch    func() []collector.ProbeStatus
	ladders  map[string]*ladder // of scheduled probes' maps: bounds outlive a run

	naming  sync.Mutex        // taken last
	names   map[string]*claim // by the names in Prometheus
	clashes map[string]bool   // the names of which it was said
	floors  map[string]int64  // of maps: the newest interval of a tseries()
}

// New makes an Exporter, which connects when there is something to send. A
// mistake in cfg is an error now: an endpoint that is none, a file that cannot
// be read, a decoder that does not exist.
func New(ctx context.Context, cfg Config) (*Exporter, error) {
	cfg = cfg.withDefaults()
	cfg.Version = text(cfg.Version)
	if err := checkProbes(cfg.Probes); err != nil {
		return nil, err
	}
	tc, err := tlsConfig(cfg.TLS)
	if err != nil {
		return nil, err
	}
	e := &Exporter{
		cfg: cfg, probes: cfg.Probes, started: time.Now(),
		slots: map[string][]bool{}, names: map[string]*claim{}, clashes: map[string]bool{}, floors: map[string]int64{}, ladders: map[string]*ladder{}, stats: map[string]*stats{},
	}
	e.resource = newResource(&cfg)
	targets := []struct {
		signal string
		Target
	}{{"metrics", cfg.Metrics}, {"traces", cfg.Traces}, {"logs", cfg.Logs}}
	for _, t := range targets {
		if t.URL == "" {
			continue
		}
		if err := t.check(t.signal); err != nil {
			return nil, err
		}
	}
	e.scrapes = sdkmetric.NewManualReader(sdkmetric.WithProducer(producer{e, false}))
	meterOpts := []sdkmetric.Option{sdkmetric.WithResource(e.resource), sdkmetric.WithReader(e.scrapes)}
	traceOpts := []sdktrace.TracerProviderOption{sdktrace.WithResource(e.resource)}
	logOpts := []sdklog.LoggerProviderOption{sdklog.WithResource(e.resource)}

	// The clients dial lazily; from here on only their options can fail, and
	// then nothing has been started that would have to be stopped.
	if cfg.Metrics.URL != "" {
		l := newLink("metrics", &cfg, tc)
		client, err := newMetricClient(ctx, &cfg, cfg.Metrics, tc, l)
		if err != nil {
			return nil, fmt.Errorf("otlp: metrics: %w", err)
		}
		e.links = append(e.links, l)
		reader := sdkmetric.NewPeriodicReader(&batches{client, l, cfg.Timeout, e.taken},
			sdkmetric.WithInterval(cfg.Interval), sdkmetric.WithTimeout(cfg.SnapshotTimeout+6*cfg.Timeout),
			sdkmetric.WithProducer(producer{e, true}))
		meterOpts = append(meterOpts, sdkmetric.WithReader(reader))
	}
	e.meters = sdkmetric.NewMeterProvider(meterOpts...)
	if cfg.Traces.URL != "" {
		l := newLink("traces", &cfg, tc)
		client, err := newTraceClient(ctx, &cfg, cfg.Traces, tc, l)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("otlp: traces: %w", err), e.meters.Shutdown(ctx))
		}
		e.links = append(e.links, l)
		e.spans = newQueue(l, cfg.MaxQueue, cfg.Timeout, client.ExportSpans)
		traceOpts = append(traceOpts, sdktrace.WithSpanProcessor(spanProcessor{e.spans, client}))
	} else {
		traceOpts = append(traceOpts, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	e.tracers = sdktrace.NewTracerProvider(traceOpts...)
	if cfg.Logs.URL != "" {
		l := newLink("logs", &cfg, tc)
		client, err := newLogClient(ctx, &cfg, cfg.Logs, tc, l)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("otlp: logs: %w", err), e.meters.Shutdown(ctx), e.tracers.Shutdown(ctx))
		}
		e.links = append(e.links, l)
		e.logs = newQueue(l, cfg.MaxQueue, cfg.Timeout, client.Export)
		logOpts = append(logOpts, sdklog.WithProcessor(logProcessor{e.logs, client}))
	}
	e.loggers = sdklog.NewLoggerProvider(logOpts...)
	e.logger = e.loggers.Logger(scopeName, log.WithInstrumentationVersion(cfg.Version))
	return e, nil
}

// newResource describes tracecar; the standard environment variables give
// attributes too, below those of cfg.
func newResource(cfg *Config) *resource.Resource {
	kvs := []attribute.KeyValue{attribute.String("service.name", "tracecar")}
	if cfg.Version != "" {
		kvs = append(kvs, attribute.String("service.version", cfg.Version))
	}
	var own []attribute.KeyValue
	for k, v := range cfg.Attributes {
		own = append(own, attribute.String(text(k), text(v)))
	}
	// Errors here are of the environment's text: what can be read is taken.
	res, _ := resource.New(context.Background(), resource.WithAttributes(kvs...), resource.WithHost(),
		resource.WithTelemetrySDK(), resource.WithFromEnv(), resource.WithAttributes(own...))
	return res
}

func checkProbes(probes map[string]Probe) error {
	for probe, p := range probes {
		for m, decl := range p.Metrics {
			for label, spec := range decl.Decode {
				if _, err := decode.New(spec); err != nil {
					return fmt.Errorf("otlp: probe %s, %s, decode %s: %w", probe, m, label, err)
				}
			}
		}
		for i := range p.Spans {
			if _, err := newEventSpan(&p.Spans[i]); err != nil {
				return fmt.Errorf("otlp: probe %s, span %q: %w", probe, p.Spans[i].Name, err)
			}
		}
	}
	return nil
}

// SetProbes replaces the declarations; runs that begin from now on go by them.
func (e *Exporter) SetProbes(probes map[string]Probe) error {
	if err := checkProbes(probes); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probes = probes
	return nil
}

// WatchProbes makes the state of scheduled probes part of the metrics:
// status is Scheduler.Status. It is called at each collection.
func (e *Exporter) WatchProbes(status func() []collector.ProbeStatus) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch = status
}

// Tracer makes spans that go where those of runs go.
func (e *Exporter) Tracer() trace.Tracer {
	return e.tracers.Tracer(scopeName, trace.WithInstrumentationVersion(e.cfg.Version))
}

// Meter makes instruments whose metrics go where those of runs go, /metrics
// included.
func (e *Exporter) Meter() metric.Meter {
	return e.meters.Meter(scopeName, metric.WithInstrumentationVersion(e.cfg.Version))
}

// Logger makes log records that go where those of runs go.
func (e *Exporter) Logger() log.Logger { return e.logger }

// Flush collects and sends all there is now.
func (e *Exporter) Flush(ctx context.Context) error {
	return parallel(ctx, e.meters.ForceFlush, e.tracers.ForceFlush, e.loggers.ForceFlush)
}

// Shutdown collects once more, sends what waits, and stops all goroutines. It
// ends with ctx, whatever the collector does; what was not sent by then is
// lost. Close the runner first, so that final states are among it.
func (e *Exporter) Shutdown(ctx context.Context) error {
	err := parallel(ctx, e.meters.Shutdown, e.tracers.Shutdown, e.loggers.Shutdown)
	// The meters are shut down: what collects now is the last.
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		e.scraping.Lock()
		defer e.scraping.Unlock()
		e.refreshes.Wait()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	for _, l := range e.links {
		l.client.CloseIdleConnections()
	}
	return err
}

// parallel has each provider use the whole of ctx: one that hangs takes
// nothing from the others.
func parallel(ctx context.Context, fns ...func(context.Context) error) error {
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = fn(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// taken is called when an export of metrics has succeeded.
func (e *Exporter) taken() {
	e.mu.Lock()
	done := e.pending
	e.pending = nil
	e.mu.Unlock()
	for _, f := range done {
		f()
	}
}
