package mcp

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

// The output schemas, by hand: they carry descriptions for the reader and
// must describe what comes out, which a test holds them to.
var (
	//go:embed schema/result.json
	schemaResultFile []byte
	//go:embed schema/info.json
	schemaInfoFile []byte
	//go:embed schema/validation.json
	schemaValidationFile []byte
	//go:embed schema/probes.json
	schemaProbesFile []byte
	//go:embed schema/runs.json
	schemaRunsFile []byte

	schemaResult     = compact(schemaResultFile)
	schemaRun        = schemaResult // id, started and cursor are optional in it
	schemaInfo       = compact(schemaInfoFile)
	schemaValidation = compact(schemaValidationFile)
	schemaProbes     = compact(schemaProbesFile)
	schemaRuns       = compact(schemaRunsFile)
)

func compact(file []byte) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, file); err != nil {
		panic(err) // an embedded file: a broken one never passes a test
	}
	return b.Bytes()
}
