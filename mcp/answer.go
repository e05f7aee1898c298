package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"tracecar/collector"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// answer is what a tool gives back, before any transport has dressed it.
type answer struct {
	// json is the structured content: one JSON object. Empty for a call that
	// never came to do anything (a bad argument): then message says why.
	json json.RawMessage
	// failed marks an answer that the caller must treat as an error.
	failed bool
	// busy marks a failure that goes away by itself: try again.
	busy bool
	// message is the error in words, for callers that want one line.
	message string
}

// refuse answers a call that could not be understood.
func refuse(err error) *answer {
	var busy *limitError
	return &answer{failed: true, busy: errors.As(err, &busy), message: err.Error()}
}

// toolResult dresses an answer for MCP: structured content, and the same JSON
// as text for clients that read only text.
func (a *answer) toolResult() *sdk.CallToolResult {
	res := &sdk.CallToolResult{IsError: a.failed}
	if len(a.json) == 0 {
		res.Content = []sdk.Content{sdk.NewTextContent(a.message)}
		return res
	}
	res.Content = []sdk.Content{sdk.NewTextContent(string(a.json))}
	res.StructuredContent = a.json
	return res
}

// encode marshals v without the HTML escapes, which only cost a reader.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func answerWith(v any) *answer {
	b, err := encode(v)
	if err != nil {
		return refuse(err)
	}
	return &answer{json: b}
}

// runHead is what an answer about a run says beside its Result.
type runHead struct {
	ID      string `json:"id"`
	Started string `json:"started"`
	Cursor  int64  `json:"cursor"`
}

// answerRun answers with a run's Result, the head's members first where there
// is one.
func answerRun(head *runHead, res *collector.Result) *answer {
	r, err := encode(complete(res))
	if err != nil {
		return refuse(err)
	}
	a := &answer{json: r}
	if head != nil {
		h, err := encode(head)
		if err != nil {
			return refuse(err)
		}
		// Joined as text and not by embedding, so that a marshaller of
		// Result's own cannot swallow the head.
		a.json = append(append(h[:len(h)-1:len(h)-1], ','), r[1:]...)
	}
	switch res.Status {
	case collector.StatusFailed, collector.StatusRefused, collector.StatusKilled:
		a.failed = true
		a.message = explain(res)
	}
	return a
}

// complete returns res with every list present: a nil one would come out as
// null, which is not an array to a reader or to the schema.
func complete(res *collector.Result) *collector.Result {
	c := *res
	c.Events = make([]collector.Event, len(res.Events))
	for i, e := range res.Events {
		if e.Map != nil {
			m := *e.Map
			m.Keys, m.Rows = present(m.Keys), present(m.Rows)
			e.Map = &m
		}
		c.Events[i] = e
	}
	c.Diagnostics = present(c.Diagnostics)
	c.Maps = make([]collector.Map, len(res.Maps))
	for i, m := range res.Maps {
		m.Keys = present(m.Keys)
		m.Rows = present(m.Rows)
		c.Maps[i] = m
	}
	return &c
}

func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// explain puts a failed Result in words: its errors, or its status.
func explain(res *collector.Result) string {
	var lines []string
	for _, d := range res.Diagnostics {
		if d.Severity != "error" || d.Noise {
			continue
		}
		line := d.Message
		if d.Hint != "" {
			line += " (" + d.Hint + ")"
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "the script did not run: " + string(res.Status)
	}
	return strings.Join(lines, "\n")
}
