package mcp

import (
	"context"
	"encoding/json"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// Telemetry is told of every tool call. It knows OpenTelemetry; this package
// does not.
type Telemetry interface {
	// Begin starts a span for a call and returns the context that it is the
	// parent in, and what to call at its end with the error's type: "" for a
	// success, "tool_error" for a failed call.
	Begin(ctx context.Context, c Call) (context.Context, func(errorType string))
}

// Call is one call of a tool, in the words of OpenTelemetry's conventions for MCP.
type Call struct {
	Method    string // mcp.method.name: "tools/call"
	Tool      string // gen_ai.tool.name
	Session   string // mcp.session.id: a digest, not the secret id
	Protocol  string // mcp.protocol.version, "" where it is not known
	Transport string // network.transport: "pipe" or "tcp"
	RequestID string // jsonrpc.request.id, "" where the SDK keeps it to itself
	// TraceParent and TraceState are W3C's, of the request's _meta, or else of
	// the HTTP request. LinkParent is the HTTP request's where both have one.
	TraceParent, TraceState, LinkParent string
}

type requestIDKey struct{}

// withRequestID remembers the id of the message that is handled.
func withRequestID(ctx context.Context, id json.RawMessage) context.Context {
	if len(id) == 0 || len(id) > 256 {
		return ctx
	}
	return context.WithValue(ctx, requestIDKey{}, strings.Trim(string(id), `"`))
}

// observed wraps a call in its telemetry.
func (s *Server) observed(ctx context.Context, req sdk.CallToolRequest, call func(context.Context) *answer) *answer {
	if s.cfg.Telemetry == nil {
		return call(ctx)
	}
	c := Call{Method: "tools/call", Tool: req.Params.Name, Session: s.identity(ctx).Session, Transport: "pipe"}
	if len(req.Header) > 0 {
		c.Transport = "tcp"
		c.Protocol = req.Header.Get("Mcp-Protocol-Version")
		c.TraceParent, c.TraceState = req.Header.Get("traceparent"), req.Header.Get("tracestate")
	}
	if m := req.Params.Meta; m != nil {
		if tp, ok := m.AdditionalFields["traceparent"].(string); ok {
			c.LinkParent, c.TraceParent = c.TraceParent, tp
			c.TraceState, _ = m.AdditionalFields["tracestate"].(string)
		}
	}
	c.RequestID, _ = ctx.Value(requestIDKey{}).(string)
	ctx, end := s.cfg.Telemetry.Begin(ctx, c)
	a := call(ctx)
	if a.failed {
		end("tool_error")
	} else {
		end("")
	}
	return a
}
