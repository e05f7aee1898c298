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
	//go:embed schema/scripts.json
	schemaScriptsFile []byte

	schemaResult     = compact(schemaResultFile)
	schemaRun        = withHead(schemaResult)
	schemaInfo       = compact(schemaInfoFile)
	schemaValidation = compact(schemaValidationFile)
	schemaProbes     = compact(schemaProbesFile)
	schemaRuns       = compact(schemaRunsFile)
	schemaScripts    = compact(schemaScriptsFile)
)

func compact(file []byte) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, file); err != nil {
		panic(err) // an embedded file: a broken one never passes a test
	}
	return b.Bytes()
}

// withHead is the schema of a Result with the members of runHead.
func withHead(result json.RawMessage) json.RawMessage {
	const properties, required = `"properties":{`, `"required":["status",`
	head := properties +
		`"id":{"type":"string","description":"The run's id, for get_run, stop_run and the resource tracecar://runs/{id}."},` +
		`"started":{"type":"string","description":"When the run was accepted, RFC 3339 in UTC."},` +
		`"cursor":{"type":"integer","description":"Pass it to the next get_run to get only the events after these."},`
	// The first properties are the Result's own.
	b := bytes.Replace(result, []byte(properties), []byte(head), 1)
	return bytes.Replace(b, []byte(required), []byte(`"required":["id","started","cursor","status",`), 1)
}
