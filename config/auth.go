package config

import "time"

// Auth says who may use the HTTP face. Without tokens, client certificates and
// OAuth issuers everybody may who reaches it, and it then listens on loopback only.
type Auth struct {
	// Tokens are the bearer tokens that are taken.
	Tokens []Token `koanf:"tokens"`
	// TLS makes the HTTP face HTTPS.
	TLS ServerTLS `koanf:"tls"`
	// OAuth takes the access tokens of OAuth issuers.
	OAuth OAuth `koanf:"oauth"`
	// AllowInsecureBind allows to listen beyond loopback without auth or without TLS: something in front does both.
	AllowInsecureBind bool `koanf:"allow_insecure_bind"`
	// Metrics asks for a token, or certificate, on the scrape too.
	Metrics bool `koanf:"metrics"`
	// Hosts are taken in the Host header beside the one listened on, without port.
	Hosts []string `koanf:"hosts"`
	// Origins are taken in the Origin header, in full: https://ui.example.
	Origins []string `koanf:"origins"`
	// DefaultRole is the role of callers without one of their own, those that nobody asks for a token included; empty: the built-in one, caller.
	DefaultRole string `koanf:"default_role"`
	// TrustedProxies are the addresses and networks (10.0.0.0/8) of reverse proxies, whose word on their clients' addresses is taken.
	TrustedProxies []string `koanf:"trusted_proxies"`
	// ProxyHeader is the header that they set; the other one may be the client's.
	ProxyHeader string `koanf:"proxy_header" enum:"X-Forwarded-For,Forwarded"`
}

// Asks tells whether callers are asked who they are.
func (a *Auth) Asks() bool {
	return len(a.Tokens) > 0 || a.TLS.ClientCA != "" || len(a.OAuth.Issuers) > 0
}

// Token is one bearer token. It never stands in the configuration itself.
type Token struct {
	// Name names the holder, in the audit log.
	Name string `koanf:"name" required:"true"`
	// TokenFile holds the token. One of token_file and token_env is wanted.
	TokenFile string `koanf:"token_file" path:"file"`
	// TokenEnv is the environment variable that holds the token.
	TokenEnv string `koanf:"token_env"`
	// Role is what the holder may run; left out: auth's default_role.
	Role string `koanf:"role"`

	// SHA256 is the hash of the token, set by Load.
	SHA256 [32]byte `koanf:"-"`
}

// ServerTLS makes the HTTP face HTTPS.
type ServerTLS struct {
	// Cert is a file with the certificate chain.
	Cert string `koanf:"cert" path:"file"`
	// Key is a file with the private key.
	Key string `koanf:"key" path:"file"`
	// ClientCA is a file of PEM certificates: clients must have one signed by them.
	ClientCA string `koanf:"client_ca" path:"file"`
	// Clients name the holders of client certificates; without any, and without tokens and issuers, each certificate of client_ca is taken.
	Clients []Client `koanf:"clients"`

	pem pemFiles
}

// Client names the holder of a client certificate.
type Client struct {
	// Match is what the certificate holds: "CN=agent" (the subject's common name), or one of its alternative names as "DNS:…", "URI:…", "EMAIL:…", "IP:…".
	Match string `koanf:"match" required:"true"`
	// Name names the holder, in the audit log.
	Name string `koanf:"name" required:"true"`
	// Role is what the holder may run; left out: auth's default_role.
	Role string `koanf:"role"`
}

// OAuth takes the access tokens of OAuth issuers: JWTs that they have signed for this server.
type OAuth struct {
	// Issuers are the URLs of the issuers, as their tokens have them in iss; their keys are found by discovery.
	Issuers []string `koanf:"issuers"`
	// Resource is the URL of the MCP endpoint as clients know it: https://tracecar.example/mcp. Tokens have it in aud.
	Resource string `koanf:"resource"`
	// Audiences are taken in aud beside resource.
	Audiences []string `koanf:"audiences"`
	// Scopes are those that a token must have, all of them.
	Scopes []string `koanf:"scopes"`
	// Roles give the holders their roles, the first that matches; where none does: auth's default_role.
	Roles []OAuthRole `koanf:"roles"`
	// CA is a file of PEM certificates that sign those of the issuers; empty: those that the host trusts.
	CA string `koanf:"ca" path:"file"`

	pem pemFiles
}

// OAuthRole gives a role to holders of a scope, or of a value in a claim.
type OAuthRole struct {
	// Scope is one of the token's. One of scope and claim is wanted.
	Scope string `koanf:"scope"`
	// Claim is the name of a claim; "a.b" is b in a.
	Claim string `koanf:"claim"`
	// Value is what the claim is, or holds where it is a list.
	Value string `koanf:"value"`
	// Role is what the holder may run.
	Role string `koanf:"role" required:"true"`
}

// Built-in roles; a role of the same name in the configuration replaces them.
const (
	RoleOperator = "operator" // everything
	RoleCaller   = "caller"   // what an MCP caller may do unless told otherwise
)

// Role says what a caller may run. What is left out is as the built-in role
// caller has it; 0 stands for that, too.
type Role struct {
	// ReadOnly allows no ad hoc scripts at all: only to read what the probes see.
	ReadOnly bool `koanf:"read_only"`
	// LibraryOnly allows scripts of the library, and no others.
	LibraryOnly bool `koanf:"library_only"`
	// Unsafe allows system() and its like where the command line asks for them (--unsafe); callers cannot.
	Unsafe bool `koanf:"unsafe"`
	// Providers are the kinds of probes: tracepoint, uprobe, ….
	Providers Rule `koanf:"providers"`
	// Probes are attach points, as globs: "tracepoint:syscalls:*".
	Probes Rule `koanf:"probes"`
	// Functions are bpftrace's functions.
	Functions Rule `koanf:"functions"`
	// Includes allows #include <linux/…>.
	Includes bool `koanf:"includes"`
	// Imports allows import.
	Imports bool `koanf:"imports"`
	// UserMemory is what str(), buf() and pointers may read: none, arguments (what an event's own argument points to, the default) or all; true is all, false none.
	UserMemory Memory `koanf:"user_memory" enum:"none,arguments,all"`
	// Binaries are the programs that uprobes may attach to, as globs.
	Binaries Rule `koanf:"binaries"`
	// ConfigKeys are the settings that a script's config block may have.
	ConfigKeys []string `koanf:"config_keys"`
	// MaxAttachPoints bounds the attach points after wildcards.
	MaxAttachPoints int `koanf:"max_attach_points" min:"0"`
	// MaxRate bounds profile and interval probes, per second.
	MaxRate int `koanf:"max_rate" min:"0"`
	// MaxMapKeys bounds the keys of one map.
	MaxMapKeys int `koanf:"max_map_keys" min:"0"`
	// MaxTimeout bounds the tracing time.
	MaxTimeout time.Duration `koanf:"max_timeout"`
	// MaxEvents bounds the events of a Result.
	MaxEvents int `koanf:"max_events" min:"0"`
	// MaxOutput bounds what a run may print.
	MaxOutput Size `koanf:"max_output"`
	// MaxScript bounds the script's text.
	MaxScript Size `koanf:"max_script"`
	// MaxRuns bounds the runs that are live at once, per token.
	MaxRuns int `koanf:"max_runs" min:"0"`
	// MaxCalls bounds the calls that are in work at once, per token.
	MaxCalls int `koanf:"max_calls" min:"0"`
	// MaxCallsPerMinute bounds the calls, per token.
	MaxCallsPerMinute int `koanf:"max_calls_per_minute" min:"0"`
	// CompileTimeout bounds the time until the probes are attached.
	CompileTimeout time.Duration `koanf:"compile_timeout"`
	// Memory bounds what bpftrace takes, its kernel maps included; at least 512MiB.
	Memory Size `koanf:"memory"`
	// CPUPercent is what one run may cost, of one CPU.
	CPUPercent float64 `koanf:"cpu_percent" min:"0"`
}

// Rule allows and denies by glob; deny goes first. An empty allow allows all
// that the built-in role caller does.
type Rule struct {
	// Allow lists what is allowed.
	Allow []string `koanf:"allow"`
	// Deny lists what is not.
	Deny []string `koanf:"deny"`
}
