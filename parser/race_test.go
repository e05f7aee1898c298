//go:build race

package parser

// underRace says that the race detector is on.
const underRace = true
