package mcp

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"
	sdkserver "github.com/mark3labs/mcp-go/server"
	"github.com/mark3labs/mcp-go/tracing"
)

// telemetryOptions make the SDK tell Config.Telemetry of each request. The SDK
// begins a span around each and ends it by defer: nothing of a request is kept
// anywhere but in its own context. Its hooks, which know the error, only note
// it there.
func (s *Server) telemetryOptions() []sdkserver.ServerOption {
	if s.cfg.Telemetry == nil {
		return nil
	}
	hooks := &sdkserver.Hooks{}
	hooks.AddOnRequestInitialization(func(ctx context.Context, _ any, raw any) error {
		if in, ok := ctx.Value(inboundKey{}).(*inbound); ok {
			if b, ok := raw.(json.RawMessage); ok {
				// What is of another shape is for the SDK to refuse.
				_ = json.Unmarshal(b, &in.message)
			}
		}
		return nil
	})
	hooks.AddOnSuccess(func(ctx context.Context, _ any, _ sdk.MCPMethod, _, result any) {
		if o := operationOf(ctx); o != nil {
			o.ended = true
			if r, ok := result.(*sdk.CallToolResult); ok && r.IsError {
				o.outcome.ErrorType = "tool_error"
			}
		}
	})
	hooks.AddOnError(func(ctx context.Context, _ any, _ sdk.MCPMethod, _ any, err error) {
		if o := operationOf(ctx); o != nil {
			details := sdk.JSONRPCErrorDetails{Code: sdk.INTERNAL_ERROR, Message: err.Error()}
			// What the SDK answers with.
			if e, ok := err.(interface{ ToJSONRPCError() sdk.JSONRPCError }); ok {
				details = e.ToJSONRPCError().Error
			}
			o.fail(details.Code, details.Message)
		}
	})
	return []sdkserver.ServerOption{sdkserver.WithTracer(sdkTracer{s}), sdkserver.WithHooks(hooks)}
}

// sdkTracer begins an operation for each request of the SDK. The SDK's span
// within it, around the tool, would say nothing more.
type sdkTracer struct{ server *Server }

func (t sdkTracer) Start(ctx context.Context, _ string, kind tracing.SpanKind, _ ...tracing.Attribute) (context.Context, tracing.Span) {
	in, ok := ctx.Value(inboundKey{}).(*inbound)
	if !ok || kind != tracing.SpanKindServer {
		return tracing.NoopTracer().Start(ctx, "", kind)
	}
	o := &operation{}
	ctx, end := t.server.cfg.Telemetry.Begin(ctx, t.server.callOf(ctx, in))
	o.end = func() {
		o.outcome.Protocol = protocolOf(ctx, in)
		if in.message.Method == string(sdk.MethodInitialize) && o.outcome.ErrorType == "" {
			t.server.agreed(ctx, Session{Transport: in.transport, HTTPVersion: in.httpVersion, Protocol: o.outcome.Protocol})
		}
		end(o.outcome)
	}
	return context.WithValue(ctx, operationKey{}, o), o
}

// agreed notes that a session has had its handshake.
func (s *Server) agreed(ctx context.Context, as Session) {
	switch client := sdkserver.ClientSessionFromContext(ctx).(type) {
	case nil:
	case *stdioClient:
		client.agreed.Store(&as)
	default:
		s.sessions.agreed(client.SessionID(), as)
	}
}

// operation is one request in work, on one goroutine; it is the SDK's span.
type operation struct {
	outcome Outcome
	ended   bool // the outcome is known
	end     func()
}

type operationKey struct{}

func operationOf(ctx context.Context) *operation {
	o, _ := ctx.Value(operationKey{}).(*operation)
	return o
}

// maxErrorText bounds the text of an error, in bytes: it may quote the request.
const maxErrorText = 500

func (o *operation) fail(code int, message string) {
	o.ended = true
	o.outcome.ErrorType, o.outcome.Code = strconv.Itoa(code), code
	o.outcome.Message = strings.ToValidUTF8(cut(message, maxErrorText), "\ufffd")
}

func (o *operation) SetAttributes(...tracing.Attribute) {}
func (o *operation) RecordError(error)                  {}

// SetStatus comes after the hooks. The one error that has no hook is that of a
// method which there is not.
func (o *operation) SetStatus(status tracing.StatusCode, message string) {
	if status == tracing.StatusError && !o.ended {
		o.fail(sdk.METHOD_NOT_FOUND, message)
	}
}

// End is called however the request ends.
func (o *operation) End() {
	if !o.ended {
		o.outcome.ErrorType = "panic"
	}
	o.end()
}

// protocolOf is the version of MCP that a request is of: what it declares where
// there is no handshake, else what the session has agreed on, else what the
// HTTP request says. A version that nobody knows is none.
func protocolOf(ctx context.Context, in *inbound) string {
	version := ""
	if info := sdkserver.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		version = info.ProtocolVersion
	} else if session, ok := sdkserver.ClientSessionFromContext(ctx).(sdkserver.SessionWithProtocolVersion); ok {
		version = session.ProtocolVersion()
	}
	if version == "" {
		version = in.header.Get(versionHeader)
	}
	if !sdk.IsValidProtocolVersion(version) {
		return ""
	}
	return version
}
