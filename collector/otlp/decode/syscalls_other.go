//go:build !linux || (!amd64 && !arm64)

package decode

// syscallNames is empty: numbers differ by architecture, and stay numbers here.
var syscallNames = map[int64]string{}
