package executor

import (
	"context"
	"maps"
	"regexp"
	"strings"
	"time"
)

// Info is what bpftrace --info says of itself and the kernel.
type Info struct {
	OS, Arch string
	// Build holds the build's versions: "version": "v0.23.2", "LLVM": "19.1.7".
	Build map[string]string
	// Features holds everything it answers with yes or no, of the build, the
	// kernel's helpers, features, map types and probe types, by bpftrace's names
	// without what stands in parentheses: "bfd", "btf", "kprobe_multi", "map batch".
	Features map[string]bool
}

const infoDeadline = 30 * time.Second

// Info asks the program about its features and the kernel's. It needs root.
// It is remembered as long as the program stays the same.
func (b *Bpftrace) Info(ctx context.Context) (*Info, error) {
	b.known.mu.Lock()
	info := b.known.info
	b.known.mu.Unlock()
	if info == nil {
		a, err := b.ask(ctx, b.request(kindInfo), infoDeadline)
		if err != nil {
			return nil, err
		}
		text := a.stdout
		if !strings.Contains(text, "Kernel helpers") {
			text = a.exit.Stderr // 0.17
		}
		if info = parseInfo(text); len(info.Features) == 0 {
			return nil, &FailedError{What: "--info", Exit: a.exit, Diagnostics: ParseDiagnostics(a.exit.Stderr, "")}
		}
		b.known.mu.Lock()
		b.known.info = info
		b.known.mu.Unlock()
	}
	own := *info
	own.Build, own.Features = maps.Clone(info.Build), maps.Clone(info.Features)
	return &own, nil
}

// infoItem is one "name: value"; newer versions print several in a line.
var infoItem = regexp.MustCompile(`(\S.*?): +(\S+)(?:\s{2,}|\s*$)`)

var parenthesis = regexp.MustCompile(`\s*\([^)]*\)`)

func parseInfo(text string) *Info {
	info := &Info{Build: map[string]string{}, Features: map[string]bool{}}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] != ' ' {
			section = strings.TrimSpace(line)
			continue
		}
		if section == "System" {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch name {
			case "OS":
				info.OS = value
			case "Arch":
				info.Arch = value
			}
			continue
		}
		line = parenthesis.ReplaceAllString(line, "")
		for _, m := range infoItem.FindAllStringSubmatch(line, -1) {
			switch name, value := strings.TrimSpace(m[1]), m[2]; {
			case value == "yes", value == "no":
				info.Features[name] = value == "yes"
			case section == "Build":
				info.Build[name] = value
			}
		}
	}
	return info
}
