package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tracecar/collector/executor/executortest"
)

// TestMain lets the test binary be tracecar: scripts call it by that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tracecar": main})
}

// TestScripts runs testdata/script on the newest bpftrace of this machine.
func TestScripts(t *testing.T) {
	p := executortest.Newest(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("BPFTRACE", p.Path)
			env.Setenv("TRACECAR_BPFTRACE_PATH", p.Path)
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}

// TestScriptsWithoutRoot runs what needs neither root nor bpftrace.
func TestScriptsWithoutRoot(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/anywhere",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", env.WorkDir+"/bin"+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}
