// Package mcp is the face of tracecar towards AI agents and HTTP clients.
//
// In flow tool calls: over standard input and output ([Server.ServeStdio]) or
// over HTTP ([Server.Serve], or [Server.Handler] inside another server). Each
// becomes one call of a [collector.Runner]. Out flow Results and descriptions
// as structured JSON, with the same JSON as text beside it.
//
//	        stdio ─┐
//	guard → /mcp  ─┼→ SDK (protocol) ─┐
//	guard → /sse  ─┘                  ├→ tool → collector.Runner
//	guard → /api/mcp (JSON API) ──────┘
//
// Before any of it stands the guard: which web page asks (Host, Origin), who
// asks (package auth), how often and how much. A session and a run belong to
// the token that opened them, and are to all others but an operator as if they
// were not there. The [Identity] of a call goes on with its Script as
// collector.Caller.
//
// Memory is bounded by the connections (256, of which one address has at most
// half) times Config.MaxBody, by Config.MaxSessions and by the Runner's limits.
//
// Call [New] first. The protocol is the SDK's job
// (github.com/mark3labs/mcp-go); this package adds what the SDK leaves open:
// limits, the protection of a loopback server from web pages, progress that
// reaches only the call it belongs to, and the end of a client's foreground
// runs when the client goes.
package mcp
