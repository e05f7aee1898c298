package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (draft 2020-12) of the YAML file, for
// editors. It is made of the structs, their tags and comments by this
// package's test with -update, and says less than [Load]: what takes more than
// one key to tell is mostly left to that.
func Schema() []byte { return slices.Clone(schemaJSON) }
