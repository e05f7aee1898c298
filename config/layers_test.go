package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tracecar/config"
)

// write makes a configuration file in a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tracecar.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string, env []string, flags map[string]any) *config.Config {
	t.Helper()
	c, err := config.Load(path, env, flags)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each layer beats the one below.
func TestLayers(t *testing.T) {
	path := write(t, "otlp: {interval: 20s, endpoint: 'http://file:4317', headers: {a: file, b: file}}")
	otel := []string{"OTEL_METRIC_EXPORT_INTERVAL=10000", "OTEL_EXPORTER_OTLP_ENDPOINT=http://otel:4317", "OTEL_EXPORTER_OTLP_TIMEOUT=2500"}
	env := append([]string{"TRACECAR_OTLP_INTERVAL=30s", "TRACECAR_OTLP_HEADERS=b=env, c=env", "TRACECAR_LISTEN="}, otel...)
	flags := map[string]any{"otlp.interval": 40 * time.Second, "limits.max_runs": 3, "listen": "localhost:1", "prometheus.enabled": "true"}

	type got struct {
		Interval, Timeout time.Duration
		Endpoint, Listen  string
		Headers           map[string]string
		MaxRuns           int
		Scrape            bool
	}
	for _, test := range []struct {
		name  string
		path  string
		env   []string
		flags map[string]any
		want  got
	}{
		{"defaults", "", nil, nil, got{15 * time.Second, 10 * time.Second, "", "127.0.0.1:8421", nil, 8, true}},
		{"OTEL_*", "", otel, nil, got{10 * time.Second, 2500 * time.Millisecond, "http://otel:4317", "127.0.0.1:8421", nil, 8, false}},
		{"file", path, otel, nil, got{20 * time.Second, 2500 * time.Millisecond, "http://file:4317", "127.0.0.1:8421", map[string]string{"a": "file", "b": "file"}, 8, false}},
		{"TRACECAR_*", path, env, nil, got{30 * time.Second, 2500 * time.Millisecond, "http://file:4317", "127.0.0.1:8421", map[string]string{"a": "file", "b": "env", "c": "env"}, 8, false}},
		{"flags", path, env, flags, got{40 * time.Second, 2500 * time.Millisecond, "http://file:4317", "localhost:1", map[string]string{"a": "file", "b": "env", "c": "env"}, 3, true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, test.path, test.env, test.flags)
			have := got{c.OTLP.Interval, c.OTLP.Timeout, c.OTLP.Endpoint, c.Listen, c.OTLP.Headers, c.Limits.MaxRuns, c.Scrape()}
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDefaultIsTheEmptyFile(t *testing.T) {
	for _, path := range []string{"", "testdata/good/empty.yaml", "testdata/good/comments.yaml"} {
		c := load(t, path, nil, nil)
		if changes := config.Diff(config.Default(), c); !changes.Empty() {
			t.Errorf("%q: %+v", path, changes)
		}
	}
	if err := config.Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestOpenTelemetryVariables(t *testing.T) {
	c := load(t, write(t, "resource: {attributes: {a: file}}"), []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317",
		"OTEL_EXPORTER_OTLP_INSECURE=true",
		"OTEL_EXPORTER_OTLP_HEADERS=api-key=a%20secret,x=1",
		"OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://prometheus:9090/api/v1/otlp/v1/metrics",
		"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_METRICS_HEADERS=x=2",
		"OTEL_METRICS_EXPORTER=otlp,prometheus",
		"OTEL_LOGS_EXPORTER=none",
		"OTEL_SERVICE_NAME=mine",
		"OTEL_RESOURCE_ATTRIBUTES=a=env,b=c%2Cd,service.name=other",
	}, nil)
	metrics, ok1 := c.OTLP.MetricsTarget()
	traces, ok2 := c.OTLP.TracesTarget()
	_, ok3 := c.OTLP.LogsTarget()
	if !ok1 || !ok2 || ok3 {
		t.Errorf("on: %v %v %v", ok1, ok2, ok3)
	}
	want := []config.Target{
		{URL: "http://prometheus:9090/api/v1/otlp/v1/metrics", Protocol: "http/protobuf", Insecure: true, Headers: map[string]string{"api-key": "a secret", "x": "2"}},
		{URL: "http://collector:4317", Protocol: "grpc", Insecure: true, Headers: map[string]string{"api-key": "a secret", "x": "1"}},
	}
	if diff := cmp.Diff(want, []config.Target{metrics, traces}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "file", "b": "c,d", "service.name": "mine"}, c.Resource.Attributes); diff != "" {
		t.Error(diff)
	}
	if !c.Scrape() {
		t.Error("prometheus exporter asked for, and no scrape")
	}
}

// A file that names an endpoint must not lose to a variable for one signal.
func TestConfiguredBeatsVariableOfASignal(t *testing.T) {
	env := []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://elsewhere:4317", "OTEL_SERVICE_NAME="}
	c := load(t, write(t, "otlp: {endpoint: 'https://here:4318'}"), env, nil)
	got, _ := c.OTLP.TracesTarget()
	if diff := cmp.Diff(config.Target{URL: "https://here:4318/v1/traces", Protocol: "http/protobuf", Headers: map[string]string{}}, got); diff != "" {
		t.Error(diff)
	}
	c = load(t, "", append(env, "OTEL_SDK_DISABLED=true"), nil)
	if _, on := c.OTLP.TracesTarget(); on {
		t.Error("OTEL_SDK_DISABLED, and traces go somewhere")
	}
}

func TestOverlayErrors(t *testing.T) {
	for _, test := range []struct {
		env   string
		flags map[string]any
		want  string
	}{
		{"TRACECAR_OTLP_INTERVAL=15", nil, "$TRACECAR_OTLP_INTERVAL: otlp.interval: a duration needs a unit, got 15 (write 15s for seconds)"},
		{"TRACECAR_OTLP_ENDPONT=x", nil, "$TRACECAR_OTLP_ENDPONT: unknown variable (did you mean TRACECAR_OTLP_ENDPOINT?)"},
		{"TRACECAR_OTLP_HEADERS=abc", nil, "$TRACECAR_OTLP_HEADERS: otlp.headers: want key=value,key=value"},
		{"TRACECAR_OTLP_ENDPOINT=host:4317", nil, `$TRACECAR_OTLP_ENDPOINT: otlp.endpoint: "host:4317" is not an http:// or https:// URL (write http://host:4317, or https://host:4317 for TLS)`},
		{"TRACECAR_LIMITS_MAX_RUNS=0", nil, "$TRACECAR_LIMITS_MAX_RUNS: limits.max_runs: must be at least 1, got 0"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=http/json", nil, `$OTEL_EXPORTER_OTLP_PROTOCOL: otlp.protocol: "http/json" is not known (want one of grpc, http/protobuf)`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=10s", nil, `$OTEL_EXPORTER_OTLP_TIMEOUT: otlp.timeout: want a number of milliseconds, not "10s"`},
		{"OTEL_EXPORTER_OTLP_HEADERS=hunter2", nil, "$OTEL_EXPORTER_OTLP_HEADERS: otlp.headers: want key=value,key=value, percent-encoded"},
		{"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=5", nil, "$OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: is not honoured for one signal alone (set OTEL_EXPORTER_OTLP_TIMEOUT)"},
		{"OTEL_TRACES_EXPORTER=zipkin", nil, `$OTEL_TRACES_EXPORTER: otlp.traces.enabled: exporter "zipkin" is not supported (otlp and none are; for metrics prometheus too)`},
		{"", map[string]any{"limits.max_run": 1}, "command line: limits.max_run: unknown key"},
		{"", map[string]any{"limits.max_runs": "x"}, `command line: limits.max_runs: want a whole number, not "x"`},
		{"", map[string]any{"limits.max_runs": struct{}{}}, "command line: limits.max_runs: a struct {} cannot be configured"},
		{"", map[string]any{"probes": "x"}, "command line: probes: unknown key"},
	} {
		_, err := config.Load("", []string{test.env}, test.flags)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s %v:\n got %v\nwant %s", test.env, test.flags, err, test.want)
		}
	}
}

// What others put into the environment under our prefix is not ours.
func TestForeignVariables(t *testing.T) {
	load(t, "", []string{
		"TRACECAR_BPFTRACE=/opt/a:/opt/b",
		"TRACECAR_SERVICE_HOST=10.0.0.1", "TRACECAR_SERVICE_PORT=8421", "TRACECAR_SERVICE_PORT_HTTP=8421",
		"TRACECAR_PORT=tcp://10.0.0.1:8421", "TRACECAR_PORT_8421_TCP=tcp://10.0.0.1:8421", "TRACECAR_PORT_8421_TCP_ADDR=10.0.0.1",
		"TRACECAR_HUB_SERVICE_HOST=10.0.0.1", "TRACECAR_HUB_PORT=tcp://10.0.0.1:3000",
		"no equals sign", "=C:=C:\\",
	}, nil)
}

// A relative name starts where it is written.
func TestRelativePaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"conf/tracecar.yaml": "audit: {file: a.log}\nprobes: [{name: a, file: a.bt}]", "conf/a.bt": "BEGIN { exit(); }"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := load(t, "conf/tracecar.yaml", nil, nil)
	if want := filepath.Join(dir, "conf/a.log"); c.Audit.File != want {
		t.Errorf("file: %s, want %s", c.Audit.File, want)
	}
	if c.Probes[0].Source != "BEGIN { exit(); }" {
		t.Errorf("source %q", c.Probes[0].Source)
	}
	c = load(t, "conf/tracecar.yaml", []string{"TRACECAR_AUDIT_FILE=b.log", "TRACECAR_BPFTRACE_PATH=bpftrace"}, nil)
	if want := filepath.Join(dir, "b.log"); c.Audit.File != want {
		t.Errorf("variable: %s, want %s", c.Audit.File, want)
	}
	if c.Bpftrace.Path != "bpftrace" {
		t.Errorf("a program in PATH became %s", c.Bpftrace.Path)
	}
}

func TestAt(t *testing.T) {
	c := load(t, "testdata/good/everything.yaml", testEnv, nil)
	got := c.At(`probes[1].metrics["@usecs"].decode.device`, "no such decoder", "").Error()
	if !strings.HasPrefix(got, "testdata/good/everything.yaml:") || !strings.HasSuffix(got, `decode.device: no such decoder`) {
		t.Error(got)
	}
	if got := c.At("probes[0].script.line", "x", "").Position; got.Line == 0 || got != c.At("probes[0].script", "x", "").Position {
		t.Errorf("%v", got)
	}
}

func TestCronWithNothingButATimeZone(t *testing.T) {
	for _, schedule := range []string{"CRON_TZ=UTC", "TZ=UTC ", " CRON_TZ=Europe/Berlin"} {
		if _, err := (&config.Probe{Schedule: schedule}).Cron(); err == nil {
			t.Errorf("%q is taken", schedule)
		}
	}
}
