// Package promcheck checks the configuration files of examples/ with the
// programs they are for, as linked libraries or as built: Prometheus's loader
// and PromQL parser, the collector's validate sub-command, compose-go. It has
// only tests.
package promcheck
