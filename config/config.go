package config

import "time"

// Config is everything that can be configured. The struct tags of its fields
// are what the loader, the validation and the JSON Schema go by: koanf is the
// key in YAML, min and max bound a number or a duration, enum lists the words
// allowed (with an empty one first where it may be left empty), path marks a file name (relative ones are made absolute on load).
type Config struct {
	// Listen is the address of the HTTP face, host:port. Another host than loopback wants auth.
	Listen string `koanf:"listen"`
	// Bpftrace says which bpftrace runs the scripts.
	Bpftrace Bpftrace `koanf:"bpftrace"`
	// Limits bound what runs may take.
	Limits Limits `koanf:"limits"`
	// Library names folders of scripts beside the built-in ones.
	Library Library `koanf:"library"`
	// OTLP sends metrics, spans and logs to an OpenTelemetry collector.
	OTLP OTLP `koanf:"otlp"`
	// Prometheus serves the metrics for scraping.
	Prometheus Prometheus `koanf:"prometheus"`
	// Resource describes this host and service to OpenTelemetry.
	Resource Resource `koanf:"resource"`
	// Log is tracecar's own log, on standard error.
	Log Log `koanf:"log"`
	// Hub registers this server with a hub of MCP servers.
	Hub Hub `koanf:"hub"`
	// Auth says who may use the HTTP face.
	Auth Auth `koanf:"auth"`
	// Roles say what the callers that have them may run, by the role's name.
	Roles map[string]Role `koanf:"roles"`
	// Audit keeps one line for each decision and run.
	Audit Audit `koanf:"audit"`
	// Guard stops runs that cost too much.
	Guard Guard `koanf:"guard"`
	// Probes are the scripts that are kept running, or run on a schedule.
	Probes []Probe `koanf:"probes"`

	src source
}

// Bpftrace says which bpftrace runs the scripts.
type Bpftrace struct {
	// Path is the program; without a slash, or empty, it is looked for in PATH.
	Path string `koanf:"path" path:"command"`
	// Sudo starts bpftrace through sudo where tracecar is not root.
	Sudo bool `koanf:"sudo"`
}

// Limits bound what runs may take.
type Limits struct {
	// MaxRuns is how many ad hoc runs may be live at once.
	MaxRuns int `koanf:"max_runs" min:"1" max:"1000"`
	// MaxWindows is how many periodic probes may have their window at once; the others wait for their turn.
	MaxWindows int `koanf:"max_windows" min:"1" max:"1000"`
	// Queue is how many more ad hoc runs may wait for a place; 0: none.
	Queue int `koanf:"queue" min:"0" max:"100000"`
	// QueueWait is how long they wait before the answer is "busy".
	QueueWait time.Duration `koanf:"queue_wait" min:"1ms"`
	// DefaultTimeout is the tracing time of a run whose caller names none.
	DefaultTimeout time.Duration `koanf:"default_timeout" min:"1ms"`
	// MaxTimeout is the longest tracing time a caller may ask for.
	MaxTimeout time.Duration `koanf:"max_timeout" min:"1ms"`
	// AttachTimeout bounds the time from start to attached probes; one attach point takes up to 75 ms.
	AttachTimeout time.Duration `koanf:"attach_timeout" min:"1s"`
	// KeepRuns is how many finished runs are kept for get_run.
	KeepRuns int `koanf:"keep_runs" min:"1" max:"100000"`
	// KeepFor is how long finished runs are kept.
	KeepFor time.Duration `koanf:"keep_for" min:"1s"`
	// MaxEvents is how many events a Result holds.
	MaxEvents int `koanf:"max_events" min:"1"`
	// MaxRows is how many rows of one map a Result holds.
	MaxRows int `koanf:"max_rows" min:"1"`
	// MaxEventBytes bounds the text of the events of one run.
	MaxEventBytes Size `koanf:"max_event_bytes" min:"1024"`
	// MaxOutput bounds what one ad hoc run may print.
	MaxOutput Size `koanf:"max_output" min:"1024"`
	// MaxHelperErrors is how often bpftrace may report failed helpers before the run is stopped: a full map reports every update. A continuous probe starts anew then.
	MaxHelperErrors int `koanf:"max_helper_errors" min:"1"`
	// MaxMapKeys bounds the keys of one map; 0: bpftrace's own default (4096).
	MaxMapKeys int `koanf:"max_map_keys" min:"0" max:"10000000"`
	// MaxStrlen bounds the bytes of one str(); 0: bpftrace's own default (64, or 1024 since 0.22). Before 0.20 it cannot pass 200.
	MaxStrlen int `koanf:"max_strlen" min:"0" max:"65536"`
	// MaxProbes bounds the attach points of one script; 0: bpftrace's own default (512, or 1024).
	MaxProbes int `koanf:"max_probes" min:"0" max:"100000"`
	// RingBufferPages are the pages per CPU for what is printed, a power of two; 0: bpftrace's own default (64). More pages lose fewer events in a burst.
	RingBufferPages int `koanf:"ring_buffer_pages" min:"0" max:"65536"`
	// Memory bounds what one bpftrace takes, its kernel maps included; at least 512MiB. 0: 4GiB, or half of
	// the machine's memory where that is less.
	Memory Size `koanf:"memory"`
	// MaxSeries is how many series one map of a probe may export; the rest is added up in one overflow series.
	MaxSeries int `koanf:"max_series" min:"1" max:"1000000"`
}

// Library names folders of scripts.
type Library struct {
	// Dirs are folders of *.bt files that callers may run by name, beside the built-in ones, and before one of the same name. A script is read when it is asked for; the folders are followed like the configuration, and a probe whose script is another one now restarts.
	Dirs []string `koanf:"dirs" path:"file"`
}

// Prometheus serves the metrics for scraping.
type Prometheus struct {
	// Enabled turns the scrape on or off; left out, it is on where otlp has no endpoint.
	Enabled *bool `koanf:"enabled"`
	// Path is where it is served: a clean path, none of tracecar's own.
	Path string `koanf:"path"`
}

// Resource describes this host and service to OpenTelemetry.
type Resource struct {
	// Attributes are added to every signal; service.name is "tracecar" unless given here.
	Attributes map[string]string `koanf:"attributes"`
}

// Log is tracecar's own log.
type Log struct {
	// Level is the least severity that is written.
	Level string `koanf:"level" enum:"debug,info,warn,error"`
	// Format is one of text (key=value) and json.
	Format string `koanf:"format" enum:"text,json"`
}

// Hub registers this server with a hub of MCP servers.
type Hub struct {
	// URL is the hub's; empty: none.
	URL string `koanf:"url"`
	// SelfURL is where the hub finds this server; empty: the address it listens on.
	SelfURL string `koanf:"self_url"`
	// ID is this server's at the hub; left out: tracecar-HOSTNAME, so that hosts do not replace each other.
	ID string `koanf:"id"`
	// Name is this server's at the hub, for people.
	Name string `koanf:"name"`
}

// Audit keeps one line for each decision and run.
type Audit struct {
	// File is the log, JSON lines; empty: no audit log.
	File string `koanf:"file" path:"file"`
	// MaxSize is the size at which a new file is begun.
	MaxSize Size `koanf:"max_size" min:"4096"`
	// Keep is how many older files are kept.
	Keep int `koanf:"keep" min:"0" max:"1000"`
	// ScriptText writes the scripts themselves, not only their hashes.
	ScriptText bool `koanf:"script_text"`
}

// Guard stops runs that cost too much.
type Guard struct {
	// CPUPercent is what one run of a caller may take of one CPU, in the kernel and in bpftrace together; 0: no guard. Roles may say otherwise; an operator's runs and the scheduled probes are not held to it.
	CPUPercent float64 `koanf:"cpu_percent" min:"0" max:"100000"`
	// TotalCPUPercent is what all runs that are held to a CPUPercent may take together; past it the one that takes most is stopped. 0: no bound.
	TotalCPUPercent float64 `koanf:"total_cpu_percent" min:"0" max:"100000"`
	// Window is the time over which the cost is measured.
	Window time.Duration `koanf:"window" min:"100ms"`
}

// Scrape tells whether the metrics are served for scraping.
func (c *Config) Scrape() bool {
	if e := c.Prometheus.Enabled; e != nil {
		return *e
	}
	return c.OTLP.Endpoint == "" && c.OTLP.Metrics.Endpoint == ""
}

// Probe returns the probe of that name.
func (c *Config) Probe(name string) (*Probe, bool) {
	for i := range c.Probes {
		if c.Probes[i].Name == name {
			return &c.Probes[i], true
		}
	}
	return nil, false
}
