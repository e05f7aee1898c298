package main

import (
	"strings"
	"testing"

	"tracecar/collector"
)

// TestDoctorSuggestsWhatCanRun has doctor name no tracepoint where there is none.
func TestDoctorSuggestsWhatCanRun(t *testing.T) {
	for name, tt := range map[string]struct {
		info collector.Info
		want string
		not  string
	}{
		"all there":      {collector.Info{Available: true, Tracefs: true}, "Scripts can run here", "without tracepoints"},
		"run mounts it":  {collector.Info{Available: true, Capabilities: []string{"CAP_SYS_ADMIN"}}, "-e 'tracepoint:", "without tracepoints"},
		"no tracefs":     {collector.Info{Available: true}, "Scripts without tracepoints can run here", "-e 'tracepoint:"},
		"nothing can go": {collector.Info{Tracefs: true}, "No script can run here", "Try:"},
	} {
		if text := infoText(&tt.info); !strings.Contains(text, tt.want) || strings.Contains(text, tt.not) {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
