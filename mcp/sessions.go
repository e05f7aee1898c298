package mcp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"sync"
	"time"

	"tracecar/mcp/auth"

	sdkserver "github.com/mark3labs/mcp-go/server"
)

// sessions are the live HTTP sessions, both of streamable HTTP (from
// initialize until DELETE or idle) and of legacy SSE (as long as the client
// holds its stream). The SDK would by default take any well-formed id for a
// session. A session belongs to the token that opened it, and to no other.
type sessions struct {
	mu   sync.Mutex
	live map[string]*session
	max  int
	// ended is told of each that had its handshake, at its end; nil: nobody is.
	ended func(Session)
}

// session ends when its ctx does: then its foreground runs are stopped.
type session struct {
	ctx   context.Context
	end   context.CancelFunc
	owner string // the token's name
	began time.Time
	as    *Session // nil before its handshake
}

var errNoSession = errors.New("unknown session")

func newSessions(max int, t Telemetry) *sessions {
	s := &sessions{live: map[string]*session{}, max: max}
	if t != nil {
		s.ended = t.SessionEnded
	}
	return s
}

// open makes a session of owner that ends with parent, or "" when there are too many.
func (s *sessions) open(parent context.Context, owner string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isFull(owner) {
		return ""
	}
	id := newID()
	ctx, end := context.WithCancel(parent)
	s.live[id] = &session{ctx: ctx, end: end, owner: owner, began: time.Now()}
	// Taken out of the map when its parent ends it, too.
	context.AfterFunc(ctx, func() { s.close(id) })
	return id
}

func (s *sessions) close(id string) {
	s.mu.Lock()
	one := s.live[id]
	delete(s.live, id)
	if one != nil && one.as != nil && s.ended != nil {
		one.as.Duration = time.Since(one.began)
		// With the lock: whoever finds no session left finds them all told of.
		s.ended(*one.as)
	}
	s.mu.Unlock()
	if one != nil {
		one.end()
	}
}

// agreed notes that a session has had its handshake.
func (s *sessions) agreed(id string, as Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.live[id]; one != nil {
		one.as = &as
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

// full tells whether owner can open no more sessions. One token cannot have
// all of them: it would keep the others out.
func (s *sessions) full(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isFull(owner)
}

func (s *sessions) isFull(owner string) bool {
	if len(s.live) >= s.max {
		return true
	}
	if owner == "" {
		return false
	}
	own := 0
	for _, one := range s.live {
		if one.owner == owner {
			own++
		}
	}
	return own >= (s.max+1)/2
}

func (s *sessions) get(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}

// of returns the session of that id if it is owner's.
func (s *sessions) of(id, owner string) *session {
	if one := s.get(id); one != nil && one.owner == owner {
		return one
	}
	return nil
}

// owner is the name of the token that a session belongs to, "" without one.
func (s *sessions) owner(id string) string {
	if one := s.get(id); one != nil {
		return one.owner
	}
	return ""
}

// ResolveSessionIdManager makes it the SDK's SessionIdManagerResolver. At the
// end of the server there is no request.
func (s *sessions) ResolveSessionIdManager(r *http.Request) sdkserver.SessionIdManager {
	if r == nil {
		return tokenSessions{sessions: s, all: true}
	}
	return tokenSessions{sessions: s, holder: holderOf(r.Context())}
}

// tokenSessions are the sessions as one token sees them.
type tokenSessions struct {
	sessions *sessions
	holder   auth.Holder
	all      bool
}

func (t tokenSessions) Generate() string {
	life := t.holder.Life
	if life == nil {
		life = context.Background()
	}
	return t.sessions.open(life, t.holder.Name)
}

// Validate knows only live sessions; the transport answers 404 for others,
// on which a client starts a new session.
func (t tokenSessions) Validate(id string) (terminated bool, err error) {
	if t.sessions.of(id, t.holder.Name) == nil {
		return false, errNoSession
	}
	return false, nil
}

// Terminate ends a session; ending one that is not there is no error.
func (t tokenSessions) Terminate(id string) (notAllowed bool, err error) {
	if t.all || t.sessions.of(id, t.holder.Name) != nil {
		t.sessions.close(id)
	}
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
