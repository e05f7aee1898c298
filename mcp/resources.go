package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"
	sdkserver "github.com/mark3labs/mcp-go/server"
)

const (
	infoURI = "tracecar://info"
	runsURI = "tracecar://runs"
	runURI  = "tracecar://runs/{id}"
)

// addResources offers what the reading tools say as resources, for clients
// that attach those to a conversation.
func (s *Server) addResources() {
	resource := func(uri, name, describe, tool string) {
		s.sdk.AddResource(
			sdk.NewResource(uri, name, sdk.WithResourceDescription(describe), sdk.WithMIMEType("application/json")),
			func(ctx context.Context, _ sdk.ReadResourceRequest) ([]sdk.ResourceContents, error) {
				return contents(uri, s.dispatch(ctx, s.byName[tool], caller{trigger: "mcp"}, nil))
			})
	}
	resource(infoURI, "info", "This host and its bpftrace: version, features, limits, what is missing.", "get_bpftrace_info")
	resource(runsURI, "runs", "The live runs and the finished ones that are kept.", "list_runs")
	s.sdk.AddResourceTemplate(
		sdk.NewResourceTemplate(runURI, "run",
			sdk.WithTemplateDescription("The Result of one run, live or kept: everything it printed and its maps."),
			sdk.WithTemplateMIMEType("application/json")),
		func(ctx context.Context, req sdk.ReadResourceRequest) ([]sdk.ResourceContents, error) {
			id := strings.TrimPrefix(req.Params.URI, runsURI+"/")
			raw, err := json.Marshal(map[string]string{"id": id})
			if err != nil {
				return nil, err
			}
			return contents(req.Params.URI, s.dispatch(ctx, s.byName["get_run"], caller{trigger: "mcp"}, raw))
		})
}

func contents(uri string, a *answer) ([]sdk.ResourceContents, error) {
	if len(a.json) == 0 {
		return nil, fmt.Errorf("%s: %s", uri, a.message)
	}
	return []sdk.ResourceContents{sdk.TextResourceContents{URI: uri, MIMEType: "application/json", Text: string(a.json)}}, nil
}

// sdkOptions are the server's capabilities.
func (s *Server) sdkOptions() []sdkserver.ServerOption {
	return append(s.telemetryOptions(),
		sdkserver.WithTitle("tracecar"),
		sdkserver.WithDescription("Runs bpftrace scripts and returns what they measured as exact, typed data."),
		sdkserver.WithInstructions(instructions),
		sdkserver.WithToolCapabilities(false),
		sdkserver.WithResourceCapabilities(false, false),
		sdkserver.WithPromptCapabilities(false),
		sdkserver.WithCompletions(),
		sdkserver.WithPromptCompletionProvider(completer{s}),
		sdkserver.WithResourceCompletionProvider(completer{s}),
		sdkserver.WithRecovery(),
		sdkserver.WithResourceRecovery(),
	)
}
