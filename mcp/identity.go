package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"tracecar/collector"
	"tracecar/mcp/auth"

	sdkserver "github.com/mark3labs/mcp-go/server"
)

// Identity is who makes a call.
type Identity struct {
	// Token is the name of the token or certificate, "" where none is asked for.
	Token string
	// Role is what the policy goes by.
	Role string
	// Client is what the client says of itself, "NAME VERSION": at most 200
	// bytes, without control characters, and not to be believed.
	Client string
	// Session tells the client's sessions apart; "" without one. It is made
	// of the session's id, which is a secret, and is not that id.
	Session string
}

type holderKey struct{}

// withHolder notes who sends a request; the guard has asked.
func withHolder(ctx context.Context, h auth.Holder) context.Context {
	return context.WithValue(ctx, holderKey{}, h)
}

func holderOf(ctx context.Context) auth.Holder {
	h, _ := ctx.Value(holderKey{}).(auth.Holder)
	return h
}

// identity says who makes the call that ctx is of.
func (s *Server) identity(ctx context.Context) Identity {
	h := holderOf(ctx)
	if h.Role == "" {
		h.Role = s.cfg.Role
	}
	who := Identity{Token: h.Name, Role: h.Role}
	session := sdkserver.ClientSessionFromContext(ctx)
	if session == nil {
		return who
	}
	if id := session.SessionID(); id != "" {
		sum := sha256.Sum256([]byte(id))
		who.Session = hex.EncodeToString(sum[:6])
	}
	if named, ok := session.(sdkserver.SessionWithClientInfo); ok {
		info := named.GetClientInfo()
		who.Client = clientName(info.Name, info.Version)
	}
	return who
}

// clientName bounds and cleans what a client calls itself.
func clientName(name, version string) string {
	clean := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(strings.TrimSpace(cut(s, 90)), "\ufffd"))
	}
	return strings.TrimSpace(clean(name) + " " + clean(version))
}

func (who Identity) operator() bool { return who.Role == auth.RoleOperator }

// mayRead tells whether who may see a run: its own, those of the scheduled
// probes, which are for everybody, and an operator all.
func (who Identity) mayRead(sc collector.Script) bool {
	return who.operator() || sc.Probe != "" || sc.Caller.Name == who.Token
}

// mayStop tells whether who may end a run that it may read.
func (who Identity) mayStop(sc collector.Script) bool {
	return who.operator() || sc.Probe == "" && sc.Caller.Name == who.Token
}

func (who Identity) caller() collector.Caller {
	return collector.Caller{Name: who.Token, Role: who.Role, Client: who.Client, Session: who.Session}
}
