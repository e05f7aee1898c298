package auth

import (
	"context"
	"fmt"
)

// access is who is let in. It is immutable but for the lives of certificates'
// holders; Set makes another.
type access struct {
	opts    Options
	tokens  *tokenSet
	clients []*client
	// issued is the life of those whom the Verifier knows.
	issued life
}

// Set replaces all of the Options but TLS and Refused, which stay. Calls and
// sessions of whoever is let in still, by the same token, certificate or
// Verifier and under the same name, go on, in the new role; those of others
// end. On an error all stays as it was.
func (a *Auth) Set(o Options) error {
	a.setting.Lock()
	defer a.setting.Unlock()
	old := a.now.Load()
	o.TLS, o.Refused = old.opts.TLS, old.opts.Refused
	if err := o.check(); err != nil {
		return err
	}
	if o.named() && a.anyCert {
		return fmt.Errorf("every certificate of the client CA was taken at the start: restart to ask for tokens or names")
	}
	next, end, err := old.next(o)
	if err != nil {
		return err
	}
	a.now.Store(next)
	end()
	select {
	case a.changed <- struct{}{}:
	default: // Watch has not seen the last change yet
	}
	return nil
}

// SetTokens is Set with other tokens, and the rest as it is.
func (a *Auth) SetTokens(tokens []Token) error {
	o := a.now.Load().opts
	o.Tokens = tokens
	return a.Set(o)
}

// next makes the access of o, and what ends the lives of those who go, to be
// called once the new access stands.
func (s *access) next(o Options) (_ *access, end func(), err error) {
	tokens, gone, err := s.tokens.next(o.Tokens)
	if err != nil {
		return nil, nil, err
	}
	n := &access{opts: o, tokens: tokens, issued: s.issued}
	stays := map[*client]bool{}
	for _, c := range o.Clients {
		one := &client{Client: c, lives: &lives{}}
		for _, was := range s.clients {
			if was.Match == c.Match && was.Name == c.Name && !stays[was] {
				one.lives, stays[was] = was.lives, true
				break
			}
		}
		n.clients = append(n.clients, one)
	}
	if o.Verifier != s.opts.Verifier {
		n.issued = newLife()
		if s.issued.end != nil {
			gone = append(gone, s.issued)
		}
	}
	return n, func() {
		for _, l := range gone {
			l.end()
		}
		for _, was := range s.clients {
			if !stays[was] {
				was.lives.end()
			}
		}
	}, nil
}

// Watch keeps what the Verifier knows fresh, until ctx ends. mcp.Server.Serve
// calls it.
func (a *Auth) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		running, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		verifier := a.now.Load().opts.Verifier
		go func() {
			defer close(done)
			if verifier != nil {
				verifier.Run(running)
			}
		}()
		for changed := false; !changed && ctx.Err() == nil; {
			select {
			case <-a.changed:
				changed = a.now.Load().opts.Verifier != verifier
			case <-ctx.Done():
			}
		}
		stop()
		<-done
	}
}
