// Package e2e tests tracecar against what its users run: a real bpftrace, a
// real OpenTelemetry Collector and Prometheus's own storage and query engine.
// It is a module of its own, so that none of that is a dependency of tracecar;
// nothing of tracecar imports it.
//
//	bpftrace → tracecar serve → otelcol ─→ capture files → assertions
//	                                    └→ promserver    → PromQL → assertions
//
// otelcol and promserver are built from the Go module proxy, about 5 minutes
// of two cores the first time, and run as processes on loopback. Package
// backend starts them and reads what they hold: begin with
// [tracecar/e2e/backend.NewCollector]. Package promcheck checks the
// configuration files of examples/ with the programs they are for.
//
// .ci/e2e.sh (make e2e) runs all of it. It needs what bpftrace needs: root and
// a kernel with BTF. TRACECAR_BPFTRACE names the bpftrace programs, by colons.
package e2e
