// Package executor runs bpftrace: it finds the program, describes it, has it
// check a script, lists attach points, and starts, snapshots and stops one
// bpftrace process. It knows processes and bytes; what the bytes mean is the
// parser's business.
//
// In flows a script's source and its positional parameters. Out flow the bytes
// of bpftrace's JSON (Process.Output), how the process ended (Process.Wait),
// and what it said beside the JSON, as Diagnostics.
//
// Call Find first; everything hangs off the Bpftrace it returns:
//
//	bt, err := executor.Find(ctx, executor.Config{})
//	p, err := bt.Start(ctx, executor.Job{Source: src})
//	defer p.Close()
//	// read p.Output() until io.EOF, from one goroutine
//	p.Stop()             // whenever it should end
//	exit, err := p.Wait()
//
// Two promises hold for every Process. Its output is drained until EOF: by the
// caller, or, once the caller closes Output, by the executor (a full pipe at
// SIGINT makes bpftrace lose its final maps and exit 0). And no bpftrace
// outlives this process, however this process dies: a direct child carries
// PR_SET_PDEATHSIG; behind sudo a root helper (ServeHelper) holds a lifeline.
//
// DescribeHost says what this machine lacks, CheckSudo whether sudo would do.
//
// It is the only package that starts processes. Linux only.
package executor
