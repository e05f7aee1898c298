package main

import "runtime/debug"

// linkedVersion is set by the linker (-X main.linkedVersion=…).
var linkedVersion string

// version is what was built: the linked version, else what Go recorded.
func version() string {
	if linkedVersion != "" {
		return linkedVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
