package executor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary plays every program this package deals with: a bpftrace
// that misbehaves, a tracecar that is killed, a root helper. A wrapper script
// sets the role, since none of them inherits an environment.
const (
	roleVariable = "EXECUTOR_TEST_ROLE"
	dirVariable  = "EXECUTOR_TEST_DIR" // the directory of a client's job
)

func TestMain(m *testing.M) {
	role, mode, _ := strings.Cut(os.Getenv(roleVariable), ":")
	switch role {
	case "":
		rememberedIn = func() string { return "" }
		goleak.VerifyTestMain(m)
	case "fake":
		os.Exit(fakeBpftrace(mode))
	case "helper":
		handlers := map[string]Handler{
			"echo": func(pid int, b []byte) ([]byte, error) { return fmt.Appendf(nil, "%d %s", pid, b), nil },
			"fail": func(int, []byte) ([]byte, error) { return nil, fmt.Errorf("as asked") },
		}
		if err := ServeHelper(os.Stdin, HelperOptions{Handlers: handlers}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "delegated":
		if err := inDelegatedTree(context.Background()); err != nil {
			fmt.Println("delegated:", err)
			os.Exit(1)
		}
	case "client":
		if err := client(mode); err != nil {
			fmt.Println("client:", err)
			os.Exit(1)
		}
	}
}

// wrapper writes a program that is this test binary in a role.
func wrapper(t *testing.T, dir, role string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, strings.ReplaceAll(role, ":", "-"))
	script := fmt.Sprintf("#!/bin/sh\nexport GORACE=atexit_sleep_ms=0\n%s=%s exec %s \"$@\"\n", roleVariable, role, exe)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// fake returns a bpftrace of the given kind of misbehaviour.
func fake(t *testing.T, mode string, cfg Config) *Bpftrace {
	t.Helper()
	cfg.Path = wrapper(t, t.TempDir(), "fake:"+mode)
	bt, err := Find(testContext(t, time.Minute), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bt
}

func fakeBpftrace(mode string) int {
	args := strings.Join(os.Args[1:], " ")
	switch {
	case mode == "hang-version":
		time.Sleep(time.Hour)
	case args == "--version":
		fmt.Println(map[string]string{"lying-version": "rm v9.1", "old": "bpftrace v0.9.4"}[mode] + map[bool]string{true: "bpftrace v0.23.2"}[mode != "lying-version" && mode != "old"])
		return 0
	case strings.HasPrefix(mode, "hang-") && !strings.Contains(args, "json"):
		time.Sleep(time.Hour)
	}
	out := os.NewFile(3, "json")
	ints := make(chan os.Signal, 8)
	switch mode {
	case "hang-int":
		signal.Notify(ints, syscall.SIGTERM)
		signal.Ignore(syscall.SIGINT)
	case "hang-term":
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	default:
		signal.Notify(ints, syscall.SIGINT)
	}
	if mode != "mute" {
		fmt.Println(notifyVariable)
	}
	switch mode {
	case "flood":
		line := bytes.Repeat([]byte(`{"type": "printf", "data": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"}`+"\n"), 8)
		for len(ints) == 0 {
			_, _ = out.Write(line)
		}
		_, _ = out.WriteString("the end\n")
	case "crash":
		signal.Reset()
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "torn":
		_, _ = out.WriteString(`{"type": "pri`)
		return 3
	case "stderr":
		for i := range 200000 {
			fmt.Fprintf(os.Stderr, "line %d of a long story\n", i)
		}
		fmt.Fprintln(os.Stderr, "ERROR: the last word")
		return 1
	case "eat":
		var eaten [][]byte
		for range 512 { // MiB
			eaten = append(eaten, bytes.Repeat([]byte{1}, 1<<20))
		}
		return len(eaten) % 7
	case "noread":
	case "holder":
		// It is moved into its group while it runs: what it starts before stays outside.
		for end := time.Now().Add(time.Minute); hostGroups().why == "" && time.Now().Before(end); time.Sleep(time.Millisecond) {
			if strings.Contains(readTrimmed("/proc/self/cgroup"), groupPrefix) {
				break
			}
		}
		c := exec.Command("sleep", "30")
		c.ExtraFiles = []*os.File{out}
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if c.Start() != nil {
			return 9
		}
		fmt.Fprintln(out, c.Process.Pid)
	case "self":
		source, _ := io.ReadAll(os.Stdin)
		dir, _ := os.Getwd()
		fmt.Fprintf(out, "args %q\nenv %q\ndir %q\nsource %q\n", os.Args[1:], os.Environ(), dir, source)
	default:
		<-ints
	}
	return 0
}

// client is a tracecar: EXECUTOR_TEST_ROLE=client:MODE bpftrace helper script.
func client(mode string) error {
	ctx := context.Background()
	cfg := Config{Path: os.Args[1]}
	if mode == "bare" {
		return bare(ctx, cfg)
	}
	if mode == "bomb" {
		cfg.Limits = Limits{CompileCPU: time.Second}
	}
	if helper := os.Args[2]; helper != "" {
		cfg.Sudo, cfg.Helper = true, []string{helper}
	}
	bt, err := Find(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Println("sudo:", CheckSudo(ctx, cfg))
	switch mode {
	case "tour":
		return tour(ctx, bt)
	case "bomb":
		check, err := bt.Validate(ctx, Job{Source: os.Args[3]})
		if err != nil {
			return err
		}
		fmt.Printf("check %s %v\n", check.Exit, check.Diagnostics)
	}
	p, err := bt.Start(ctx, Job{Source: os.Args[3], AttachPoints: 1, Dir: os.Getenv(dirVariable)})
	if err != nil {
		return err
	}
	defer p.Close()
	go func() {
		<-p.Attached()
		fmt.Println("pid", p.PID())
	}()
	text, err := io.ReadAll(p.Output())
	exit, werr := p.Wait()
	fmt.Printf("%s\nexit %s stopped %v err %v %v\nstderr %s\nsaid %v\n", text, exit, exit.Stopped, err, werr, exit.Stderr, exit.Diagnostics)
	return nil
}

// tour does everything once and tells.
func tour(ctx context.Context, bt *Bpftrace) error {
	info, err := bt.Info(ctx)
	if err != nil {
		return fmt.Errorf("info: %w", err)
	}
	fmt.Println("btf", info.Features["btf"])
	check, err := bt.Validate(ctx, Job{Source: "BEGIN { cuont(); }"})
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	fmt.Printf("valid %v %+v\n", check.Valid, check.Diagnostics)
	points, err := bt.List(ctx, "tracepoint:sched:sched_switch", true)
	fmt.Println("list", points, err)
	_, err = bt.Start(ctx, Job{Source: "BEGIN { exit(); }", Unsafe: true})
	fmt.Println("unsafe:", err)
	p, err := bt.Start(ctx, Job{Source: `BEGIN { printf("uid %d\n", uid); } interval:s:3600 { } END { @n = 7; }`})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer p.Close()
	// What is in the kernel's buffer at a stop is lost: wait for it.
	text := make([]byte, 0, 4096)
	for err == nil && !bytes.Contains(text, []byte("uid")) {
		var n int
		n, err = p.Output().Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
	}
	p.Stop()
	more, err := io.ReadAll(p.Output())
	text = append(text, more...)
	exit, werr := p.Wait()
	fmt.Printf("%s\nexit %s stopped %v rss %v err %v %v\n", text, exit, exit.Stopped, exit.MaxRSS > 1<<20, err, werr)
	answer, err := p.Ask(ctx, "echo", []byte("hello"))
	fmt.Printf("echo %v %v\n", string(answer) == fmt.Sprintf("%d hello", p.PID()), err)
	_, err = p.Ask(ctx, "fail", nil)
	fmt.Println("fail:", err)
	_, err = p.Ask(ctx, "nosuch", nil)
	fmt.Println("nosuch:", err)
	return nil
}

// bare looks at a host without tracefs, mounts it, and looks again.
func bare(ctx context.Context, cfg Config) error {
	bt, err := Find(ctx, cfg)
	if err != nil {
		return err
	}
	host := DescribeHost()
	fmt.Println("tracefs", host.Tracefs)
	for _, p := range host.Problems {
		fmt.Println("problem", p.What)
	}
	for _, pattern := range []string{"tracepoint:sched:*", "t:nosuch:*", "*", "", "software:*"} {
		points, err := bt.List(ctx, pattern, false)
		fmt.Printf("listed %q %v %v\n", pattern, len(points) > 0, err)
	}
	n, err := bt.Count(ctx, "tracepoint:sched:*")
	fmt.Println("counted", n, err)
	host.AddProblems(bt, nil)
	fmt.Println("hopeless", slices.ContainsFunc(host.Problems, func(p Problem) bool { return p.Fatal }))
	for range 2 {
		check, err := bt.Validate(ctx, Job{Source: "tracepoint:syscalls:sys_enter_openat { }"})
		if err != nil {
			return err
		}
		fmt.Println("valid", check.Valid)
		for _, d := range check.Diagnostics {
			fmt.Println(d.Message, d.Hint)
		}
		if !host.Tracefs {
			fmt.Println("mounted", MountTracefs())
			host.Tracefs = true
		}
	}
	return nil
}
