package config

import "time"

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		Listen: "127.0.0.1:8421",
		Limits: Limits{
			MaxRuns:         8,
			MaxWindows:      4,
			Queue:           16,
			QueueWait:       10 * time.Second,
			DefaultTimeout:  30 * time.Second,
			MaxTimeout:      time.Hour,
			AttachTimeout:   2 * time.Minute,
			KeepRuns:        64,
			KeepFor:         15 * time.Minute,
			MaxEvents:       10000,
			MaxRows:         10000,
			MaxEventBytes:   16 << 20,
			MaxOutput:       4 << 30,
			MaxHelperErrors: 1_000_000,
			MaxSeries:       2000,
		},
		OTLP: OTLP{
			Interval:    15 * time.Second,
			Timeout:     10 * time.Second,
			Compression: "none",
			Metrics:     Signal{Enabled: true},
			Traces:      Signal{Enabled: true},
			Logs:        Signal{Enabled: true},
		},
		Prometheus: Prometheus{Path: "/metrics"},
		Log:        Log{Level: "info", Format: "text"},
		Hub:        Hub{Name: "tracecar"},
		Auth:       Auth{ProxyHeader: "X-Forwarded-For"},
		Audit:      Audit{MaxSize: 64 << 20, Keep: 5},
		Guard:      Guard{CPUPercent: 5, Window: 2 * time.Second},
	}
}

// DefaultProbe returns what a probe has that says nothing but its name and
// its script.
func DefaultProbe() Probe {
	return Probe{
		Enabled: true,
		Restart: Restart{Min: time.Second, Max: time.Minute, GiveUpAfter: 10},
		Logs:    "info",
	}
}

func defaultSpan() Span {
	return Span{Kind: "internal", TimeUnit: "ns", Timeout: time.Minute}
}
