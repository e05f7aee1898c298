//go:build race

package parser

func init() { underRace = true }
