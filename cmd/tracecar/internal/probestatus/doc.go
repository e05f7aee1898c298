// Package probestatus reads back what tracecar serve says at /api/probes: in
// flows JSON, out flow collector.ProbeStatus values. Call Read.
package probestatus
