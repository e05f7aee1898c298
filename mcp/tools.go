package mcp

import (
	"context"
	"encoding/json"
	"errors"

	sdk "github.com/mark3labs/mcp-go/mcp"
	sdkserver "github.com/mark3labs/mcp-go/server"
)

// tool is one method: MCP's tools/call and the JSON API both end in call.
type tool struct {
	name, title, describe string
	params                []param
	output                json.RawMessage // JSON schema of the answer
	readOnly, destructive bool
	idempotent            bool
	call                  func(ctx context.Context, c caller, a arguments) *answer
}

// caller is who called a tool.
type caller struct {
	// trigger is the collector's word for the way in: "mcp" or "http".
	trigger string
	who     Identity
	// progress sends a progress notification; nil where none was asked for.
	progress func(p progressReport)
}

// tools lists every tool, in the order a reader wants them.
func (s *Server) tools() []tool {
	return []tool{
		s.executeTool(),
		s.infoTool(),
		s.validateTool(),
		s.listProbesTool(),
		s.startRunTool(),
		s.getRunTool(),
		s.stopRunTool(),
		s.listRunsTool(),
		s.listScriptsTool(),
	}
}

// definition is the tool as MCP describes it. openWorld stands on all of
// them: what they see and touch is the live host, not a closed set of data.
func (t tool) definition() sdk.Tool {
	openWorld := true
	return sdk.Tool{
		Name:            t.name,
		Title:           t.title,
		Description:     t.describe,
		RawInputSchema:  inputSchema(t.params),
		RawOutputSchema: t.output,
		Annotations: sdk.ToolAnnotation{
			Title:           t.title,
			ReadOnlyHint:    &t.readOnly,
			DestructiveHint: &t.destructive,
			IdempotentHint:  &t.idempotent,
			OpenWorldHint:   &openWorld,
		},
	}
}

// dispatch checks the arguments and calls the tool: the one way through for
// every transport.
func (s *Server) dispatch(ctx context.Context, t tool, c caller, raw json.RawMessage) *answer {
	args, err := parseArguments(t.name, t.params, raw)
	if err != nil {
		return refuse(err)
	}
	c.who = s.identity(ctx)
	leave, err := s.limits.enter(c.who.Token, s.limitsOf(c.who).Calls)
	if err != nil {
		return refuse(err)
	}
	defer leave()
	return t.call(ctx, c, args)
}

// handler is the tool for the SDK.
func (s *Server) handler(t tool) sdkserver.ToolHandlerFunc {
	return func(ctx context.Context, req sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		raw, err := rawArguments(req)
		if err != nil {
			return refuse(err).toolResult(), nil
		}
		ctx, stop := s.untilDisconnect(ctx)
		defer stop()
		c := caller{trigger: "mcp", progress: s.progressFunc(ctx, req)}
		return s.dispatch(ctx, t, c, raw).toolResult(), nil
	}
}

// rawArguments returns the arguments as they came: the SDK's decoded form
// rounds integers beyond 2^53.
func rawArguments(req sdk.CallToolRequest) (json.RawMessage, error) {
	if len(req.Params.RawArguments) > 0 {
		return req.Params.RawArguments, nil
	}
	if req.Params.Arguments == nil {
		return nil, nil
	}
	raw, err := json.Marshal(req.Params.Arguments)
	if err != nil {
		return nil, errors.New("the arguments are not JSON")
	}
	return raw, nil
}
