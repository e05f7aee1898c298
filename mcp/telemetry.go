package mcp

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// Telemetry is told of every MCP request that is served, and of every session.
// It knows OpenTelemetry; this package does not.
type Telemetry interface {
	// Begin starts a span for a request and returns the context that it is the
	// parent in, and what to call once at the request's end.
	Begin(ctx context.Context, c Call) (context.Context, func(Outcome))
	// Continue returns ctx below the span that W3C's traceparent and tracestate
	// name: for what has no span of its own here, the JSON API.
	Continue(ctx context.Context, traceParent, traceState string) context.Context
	// SessionEnded is told once of each session, at its end. It must not block.
	SessionEnded(s Session)
}

// Call is one request, in the words of OpenTelemetry's conventions for MCP.
// What the client chose freely is cut to maxForeign bytes.
type Call struct {
	Method string // mcp.method.name: "tools/call"
	Tool   string // gen_ai.tool.name, "" where the request is of none
	Prompt string // gen_ai.prompt.name, likewise
	// UnknownMethod and UnknownTarget tell that this server has no such method,
	// tool or prompt: the name is the client's own word, any of any number.
	UnknownMethod, UnknownTarget bool
	Resource                     string // mcp.resource.uri
	Session                      string // mcp.session.id: a digest, not the secret id
	RequestID                    string // jsonrpc.request.id
	Transport                    string // network.transport: "pipe" or "tcp"
	HTTPVersion                  string // network.protocol.version: "1.1"; "" where it is not HTTP
	Client                       string // client.address, the one to be believed; "" where there is none
	// TraceParent and TraceState are W3C's, of the request's _meta, or else of
	// the HTTP request. LinkParent is the HTTP request's where both have one.
	TraceParent, TraceState, LinkParent string
}

// Outcome is how a request ended.
type Outcome struct {
	// ErrorType is error.type: "" for a success, "tool_error" for a call that
	// failed, the code of a JSON-RPC error, "panic".
	ErrorType string
	// Code is the JSON-RPC error's code, 0 without one, and Message its text.
	Code    int
	Message string
	// Protocol is mcp.protocol.version, "" where none is agreed on. It stands
	// here for initialize, which agrees on it.
	Protocol string
}

// Session is one MCP session, from initialize on: what never agreed on a
// protocol version was none, and the versions without a handshake have none.
type Session struct {
	Transport   string // network.transport
	HTTPVersion string // network.protocol.version, "" where it is not HTTP
	Protocol    string // mcp.protocol.version
	// Duration is from its opening to its end: the client's, DELETE or the end
	// of its stream, or the server's, idle time included.
	Duration time.Duration
}

// maxForeign bounds what a client chose freely, in bytes.
const maxForeign = 256

// inbound is one message and how it came. Its transport makes one for each
// message; the SDK's hook fills in what the message says.
type inbound struct {
	transport, httpVersion, client string
	header                         http.Header
	message                        message
}

// message is what telemetry needs of a request. A member of another type
// stays empty; the request is for the SDK to refuse.
type message struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name, URI string
		Ref       struct{ Type, Name string }
		Meta      struct{ TraceParent, TraceState string } `json:"_meta"`
	}
}

type inboundKey struct{}

// fromPipe notes a message from standard input.
func fromPipe(ctx context.Context) context.Context {
	return context.WithValue(ctx, inboundKey{}, &inbound{transport: "pipe"})
}

// fromHTTP notes a message that came with r, of which it returns a copy.
func (s *Server) fromHTTP(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), inboundKey{}, &inbound{
		transport: "tcp", header: r.Header, client: s.cfg.Auth.ClientAddress(r),
		httpVersion: strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor),
	}))
}

// methods are the requests that the SDK has a handler for.
var methods = []sdk.MCPMethod{
	sdk.MethodInitialize, sdk.MethodPing, sdk.MethodServerDiscover, sdk.MethodSubscriptionsListen, sdk.MethodSetLogLevel,
	sdk.MethodResourcesList, sdk.MethodResourcesTemplatesList, sdk.MethodResourcesRead,
	sdk.MethodResourcesSubscribe, sdk.MethodResourcesUnsubscribe, sdk.MethodPromptsList, sdk.MethodPromptsGet,
	sdk.MethodToolsList, sdk.MethodToolsCall, sdk.MethodTasksGet, sdk.MethodTasksList, sdk.MethodTasksResult,
	sdk.MethodTasksCancel, sdk.MethodCompletionComplete,
}

// callOf describes a request.
func (s *Server) callOf(ctx context.Context, in *inbound) Call {
	m := &in.message
	c := Call{
		Method: foreign(m.Method), RequestID: requestID(m.ID), Session: s.identity(ctx).Session,
		Transport: in.transport, HTTPVersion: in.httpVersion, Client: in.client,
		UnknownMethod: !slices.Contains(methods, sdk.MCPMethod(m.Method)),
		TraceParent:   in.header.Get("traceparent"), TraceState: in.header.Get("tracestate"),
	}
	if meta := &m.Params.Meta; meta.TraceParent != "" {
		c.LinkParent, c.TraceParent, c.TraceState = c.TraceParent, meta.TraceParent, meta.TraceState
	}
	switch sdk.MCPMethod(m.Method) {
	case sdk.MethodToolsCall:
		_, known := s.byName[m.Params.Name]
		c.Tool, c.UnknownTarget = foreign(m.Params.Name), !known
	case sdk.MethodPromptsGet:
		c.Prompt, c.UnknownTarget = foreign(m.Params.Name), !isPrompt(m.Params.Name)
	case sdk.MethodCompletionComplete:
		if ref := &m.Params.Ref; ref.Type == "ref/prompt" {
			c.Prompt, c.UnknownTarget = foreign(ref.Name), !isPrompt(ref.Name)
		}
	case sdk.MethodResourcesRead, sdk.MethodResourcesSubscribe, sdk.MethodResourcesUnsubscribe:
		c.Resource = foreign(m.Params.URI)
	}
	return c
}

func isPrompt(name string) bool {
	return slices.ContainsFunc(prompts(), func(p prompt) bool { return p.name == name })
}

// requestID is an id in words, "" for none and for one of unreasonable length.
func requestID(id json.RawMessage) string {
	if len(id) > maxForeign {
		return ""
	}
	var text string
	if json.Unmarshal(id, &text) == nil {
		return text
	}
	return string(id) // a number, as it came
}

func foreign(s string) string { return strings.ToValidUTF8(cut(s, maxForeign), "\ufffd") }
