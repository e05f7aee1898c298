// Package backend starts the programs that the end-to-end tests talk to, and
// reads what they received.
//
// Flows in: the test, which says when a program starts, hangs or dies. Flows
// out: captured points, spans and log records as the collector held them, and
// answers to PromQL. Call [NewCollector], [NewPrometheus], [NewTracecar];
// each program ends with its test, and its log is shown if the test fails.
// Wait with [Until], never with a sleep.
package backend
