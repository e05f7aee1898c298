package mcp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"

	sdkserver "github.com/mark3labs/mcp-go/server"
)

// sessions are the live HTTP sessions, both of streamable HTTP (from
// initialize until DELETE or idle) and of legacy SSE (as long as the client
// holds its stream). It is the SDK's SessionIdManager, which by default would
// take any well-formed id for a session.
type sessions struct {
	mu   sync.Mutex
	live map[string]*session
	max  int
}

// session ends when its ctx does: then its foreground runs are stopped.
type session struct {
	ctx context.Context
	end context.CancelFunc
}

var errNoSession = errors.New("unknown session")

func newSessions(max int) *sessions { return &sessions{live: map[string]*session{}, max: max} }

// open makes a session that ends with parent, or "" when there are too many.
func (s *sessions) open(parent context.Context) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) >= s.max {
		return ""
	}
	id := newID()
	ctx, end := context.WithCancel(parent)
	s.live[id] = &session{ctx, end}
	// Taken out of the map when its parent ends it, too.
	context.AfterFunc(ctx, func() { s.close(id) })
	return id
}

func (s *sessions) close(id string) {
	s.mu.Lock()
	one := s.live[id]
	delete(s.live, id)
	s.mu.Unlock()
	if one != nil {
		one.end()
	}
}

func (s *sessions) closeAll() {
	s.mu.Lock()
	ids := make([]string, 0, len(s.live))
	for id := range s.live {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		s.close(id)
	}
}

func (s *sessions) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live) >= s.max
}

func (s *sessions) get(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}

// Generate, Validate and Terminate make it the SDK's SessionIdManager.
func (s *sessions) Generate() string { return s.open(context.Background()) }

// Validate knows only live sessions; the transport answers 404 for others,
// on which a client starts a new session.
func (s *sessions) Validate(id string) (terminated bool, err error) {
	if s.get(id) == nil {
		return false, errNoSession
	}
	return false, nil
}

// Terminate ends a session; ending one that is not there is no error.
func (s *sessions) Terminate(id string) (notAllowed bool, err error) {
	s.close(id)
	return false, nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// untilDisconnect returns ctx, ended also with the Server and with the session
// that the call came through. Legacy SSE needs the latter: there the SDK
// detaches a call from its client.
func (s *Server) untilDisconnect(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.life, cancel)
	leave := func() bool { return true }
	if client := sdkserver.ClientSessionFromContext(ctx); client != nil {
		if one := s.sessions.get(client.SessionID()); one != nil {
			leave = context.AfterFunc(one.ctx, cancel)
		}
	}
	return ctx, func() { unhook(); leave(); cancel() }
}
