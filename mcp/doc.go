// Package mcp is the face of tracecar towards AI agents and HTTP clients.
//
// In flow tool calls: over standard input and output ([Server.ServeStdio]) or
// over HTTP ([Server.Serve], or [Server.Handler] inside another server). Each
// becomes one call of a [collector.Runner]. Out flow Results and descriptions
// as structured JSON, with the same JSON as text beside it.
//
//	stdio ─┐
//	/mcp  ─┼→ SDK (protocol) ─┐
//	/sse  ─┘                  ├→ tool → collector.Runner
//	/api/mcp (JSON API) ──────┘
//
// Call [New] first. The protocol is the SDK's job
// (github.com/mark3labs/mcp-go); this package adds what the SDK leaves open:
// limits, the protection of a loopback server from web pages, progress that
// reaches only the call it belongs to, and the end of a client's foreground
// runs when the client goes.
package mcp
