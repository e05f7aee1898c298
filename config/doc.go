// Package config reads tracecar's configuration.
//
// What flows in: a YAML file, the environment (TRACECAR_ and OTEL_
// variables), flags, and the files that the configuration names. What flows
// out: one checked [Config], or [Errors] that name file, line and key.
//
//	defaults → OTEL_* → tracecar.yaml → TRACECAR_* → flags → Config
//
// Call [Load] first. [Config.Watch] tells of changes, [Diff] what they mean.
// [Schema] is for editors. The package starts nothing, and knows of
// tracecar only which texts are ranges of versions: cmd turns a Config into the
// options of each package.
package config
