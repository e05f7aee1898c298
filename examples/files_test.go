package examples

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tracecar/config"
)

// documents reads every document of a YAML file, each as T.
func documents[T any](t *testing.T, file string) (docs []T) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc T
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return docs
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		docs = append(docs, doc)
	}
}

// checkConfig loads a configuration and checks what it says of the library.
func checkConfig(t *testing.T, file string) *config.Config {
	t.Helper()
	cfg, err := config.Load(file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Probes) == 0 {
		t.Errorf("%s: no probes", file)
	}
	for _, p := range cfg.Probes {
		s, ok := Get(p.Library, "")
		if !ok {
			t.Errorf("%s: %s: no script %q in the library", file, p.Name, p.Library)
			continue
		}
		if _, err := s.Args(p.Args); err != nil {
			t.Errorf("%s: %s: %v", file, p.Name, err)
		}
		if periodic := p.Every > 0 || p.Schedule != ""; !periodic && s.Mode.Kind != "continuous" {
			t.Errorf("%s: %s is continuous, %s is not meant to be", file, p.Name, s.Name)
		}
		for name, m := range p.Metrics {
			at := slices.IndexFunc(s.Maps, func(d MapDoc) bool { return d.Name == name })
			if at < 0 {
				t.Errorf("%s: %s: %s has no map %s", file, p.Name, s.Name, name)
			} else if n := len(m.Attributes); n > 0 && n != len(s.Maps[at].Keys) {
				t.Errorf("%s: %s: %d attributes for %s", file, p.Name, n, name)
			}
		}
	}
	return cfg
}

func TestConfigs(t *testing.T) {
	plain, compose := checkConfig(t, "tracecar.yaml"), checkConfig(t, "otel/tracecar.yaml")
	// The dashboards show what either of them exports.
	shared := 0
	for _, p := range plain.Probes {
		for _, q := range compose.Probes {
			if p.Name != q.Name {
				continue
			}
			shared++
			if p.Library != q.Library || !reflect.DeepEqual(p.Metrics, q.Metrics) {
				t.Errorf("%s is %s %v in tracecar.yaml, %s %v in otel/tracecar.yaml", p.Name, p.Library, p.Metrics, q.Library, q.Metrics)
			}
		}
	}
	if shared == 0 {
		t.Error("the two configurations have no probe in common")
	}
	type configMap struct {
		Kind string            `yaml:"kind"`
		Data map[string]string `yaml:"data"`
	}
	cm := documents[configMap](t, "kubernetes/configmap.yaml")[0]
	file := filepath.Join(t.TempDir(), "tracecar.yaml")
	if err := os.WriteFile(file, []byte(cm.Data["tracecar.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	checkConfig(t, file)
}

func TestClients(t *testing.T) {
	files, _ := filepath.Glob("clients/*.json")
	if len(files) != 8 {
		t.Fatalf("%d files, want 8: four clients, stdio and HTTP", len(files))
	}
	readme, err := os.ReadFile("clients/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		type server struct {
			Type    string            `json:"type"`
			Command string            `json:"command"`
			Args    []string          `json:"args"`
			Env     map[string]string `json:"env"`
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
		}
		var c struct {
			MCPServers map[string]server `json:"mcpServers"`
			Servers    map[string]server `json:"servers"`
			Inputs     []any             `json:"inputs"`
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		s, ok := c.MCPServers["tracecar"]
		if strings.Contains(file, "vscode") {
			s, ok = c.Servers["tracecar"]
		}
		http := strings.Contains(file, ".http.")
		if !ok || (s.Command == "") == (s.URL == "") {
			t.Errorf("%s: no server tracecar with either a command or an URL", file)
		}
		if target := s.URL + strings.Join(s.Args, " "); http && !strings.Contains(target, ":8421/mcp") {
			t.Errorf("%s: does not go to :8421/mcp", file)
		} else if !http && !slices.Contains(s.Args, "mcp") {
			t.Errorf("%s: does not start tracecar mcp", file)
		}
		if !bytes.Contains(readme, []byte("("+filepath.Base(file)+")")) {
			t.Errorf("clients/README.md does not name %s", file)
		}
	}
}

// composeFile is what the tests look at of docker-compose.yaml.
type composeFile struct {
	Services map[string]struct {
		Build  struct{ Context, Dockerfile string } `yaml:"build"`
		Image  string                               `yaml:"image"`
		Cgroup string
		CapAdd []string `yaml:"cap_add"`
		Vols   []string `yaml:"volumes"`
		Ports  []string `yaml:"ports"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

func TestCompose(t *testing.T) {
	c := documents[composeFile](t, "../docker-compose.yaml")[0]
	for _, name := range []string{"tracecar", "otel-collector", "prometheus", "tempo", "grafana"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("no service %s", name)
		}
	}
	for name, s := range c.Services {
		if s.Image == "" {
			if _, err := os.Stat(filepath.Join("..", s.Build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: %s is not pinned", name, s.Image)
		}
		for _, v := range s.Vols {
			source, _, _ := strings.Cut(v, ":")
			if rel, ours := strings.CutPrefix(source, "./"); ours {
				if _, err := os.Stat(filepath.Join("..", rel)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[source]; !ok && !strings.HasPrefix(source, "/sys/") {
				t.Errorf("%s: no volume %s", name, source)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is published beyond this machine", name, p)
			}
		}
	}
	for _, file := range []string{"otel/collector.yaml", "otel/prometheus.yaml", "otel/tempo.yaml", "otel/grafana/datasources/tracecar.yaml", "otel/grafana/dashboards/provider.yaml"} {
		if docs := documents[map[string]any](t, file); len(docs) != 1 || len(docs[0]) == 0 {
			t.Errorf("%s: %d documents", file, len(docs))
		}
	}
}

// The unit, the DaemonSet and the compose file grant the same capabilities: those
// that cmd/tracecar's tests run bpftrace with. Those in containers see the
// host's processes and cgroups.
func TestCapabilities(t *testing.T) {
	unit, err := os.ReadFile("systemd/tracecar.service")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindSubmatch(unit)
	if m == nil {
		t.Fatal("the unit does not bound its capabilities")
	}
	want := strings.Fields(strings.ReplaceAll(string(m[1]), "CAP_", ""))

	compose := documents[composeFile](t, "../docker-compose.yaml")[0].Services["tracecar"]
	if !slices.Equal(compose.CapAdd, want) {
		t.Errorf("docker-compose.yaml: %q, want %q", compose.CapAdd, want)
	}
	type volumeMount struct {
		Name     string
		Path     string `yaml:"mountPath"`
		ReadOnly bool   `yaml:"readOnly"`
	}
	type daemonSet struct {
		Kind string
		Spec struct {
			Template struct {
				Spec struct {
					HostPID    bool `yaml:"hostPID"`
					Containers []struct {
						SecurityContext struct {
							Capabilities struct{ Drop, Add []string }
						} `yaml:"securityContext"`
						Mounts []volumeMount `yaml:"volumeMounts"`
					}
					Volumes []struct {
						Name     string
						HostPath struct{ Path string } `yaml:"hostPath"`
					}
				}
			}
		}
	}
	ds := documents[daemonSet](t, "kubernetes/daemonset.yaml")[0]
	if c := ds.Spec.Template.Spec.Containers[0].SecurityContext.Capabilities; !slices.Equal(c.Add, want) || !slices.Equal(c.Drop, []string{"ALL"}) {
		t.Errorf("daemonset.yaml: %q, want %q", c.Add, want)
	}
	if !ds.Spec.Template.Spec.HostPID {
		t.Error("daemonset.yaml: not in the host's pid namespace")
	}
	// The probes of both name cgroups, whose paths only the host's hierarchy tells.
	if compose.Cgroup != "host" {
		t.Error("docker-compose.yaml: not in the host's cgroup namespace")
	}
	var mounted []volumeMount
	for _, v := range ds.Spec.Template.Spec.Volumes {
		if v.HostPath.Path == "/sys/fs/cgroup" {
			mounted = append(mounted, volumeMount{v.Name, "/sys/fs/cgroup", true})
		}
	}
	if len(mounted) != 1 || !slices.Contains(ds.Spec.Template.Spec.Containers[0].Mounts, mounted[0]) {
		t.Error("daemonset.yaml: the host's cgroups are not mounted, or not read-only")
	}
	type kustomization struct{ Resources []string }
	for _, r := range documents[kustomization](t, "kubernetes/kustomization.yaml")[0].Resources {
		if docs := documents[map[string]any](t, "kubernetes/"+r); len(docs) != 1 || docs[0]["kind"] == nil {
			t.Errorf("kubernetes/%s: %d documents", r, len(docs))
		}
	}
}

func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("skip: no systemd-analyze here")
	}
	unit, err := os.ReadFile("systemd/tracecar.service")
	if err != nil {
		t.Fatal(err)
	}
	// A program that is there: the unit is judged, not this machine.
	file := filepath.Join(t.TempDir(), "tracecar.service")
	text := bytes.Replace(unit, []byte("ExecStart=/usr/local/bin/tracecar"), []byte("ExecStart=/bin/true"), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("tracecar.service")) {
		t.Errorf("%v\n%s", err, out)
	}
}
