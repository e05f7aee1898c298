package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"unicode"
)

// Token is one bearer token, of which only the hash is kept.
type Token struct {
	// Name names the holder; unique.
	Name string
	// Role is the holder's; "" is the default role.
	Role string
	// SHA256 is the hash of the token.
	SHA256 [sha256.Size]byte
}

// Hash returns the hash of a token.
func Hash(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// certPrefix begins the names of certificates that no Client names.
const certPrefix = "cert:"

// tokenSet is immutable; a reload makes another.
type tokenSet struct {
	tokens []Token
	lives  []life // of tokens[i]
}

// life ends when what it stands for is no longer trusted.
type life struct {
	ctx context.Context
	end context.CancelFunc
}

func newLife() life {
	ctx, end := context.WithCancel(context.Background())
	return life{ctx, end}
}

// next makes the set of a reload: a token that stays keeps its life. The lives
// of those that go are returned, to be ended once the new set stands.
func (s *tokenSet) next(tokens []Token) (*tokenSet, []life, error) {
	n := &tokenSet{tokens: append([]Token(nil), tokens...)}
	type key struct {
		name string
		hash [sha256.Size]byte
	}
	old := map[key]life{}
	for i, t := range s.tokens {
		old[key{t.Name, t.SHA256}] = s.lives[i]
	}
	names, hashes := map[string]bool{}, map[[sha256.Size]byte]string{Hash(""): ""}
	for _, t := range tokens {
		if err := checkName(t.Name); err != nil {
			return nil, nil, err
		}
		if names[t.Name] {
			return nil, nil, fmt.Errorf("two tokens have the name %q", t.Name)
		}
		switch other, taken := hashes[t.SHA256]; {
		case taken && other == "", t.SHA256 == [sha256.Size]byte{}:
			return nil, nil, fmt.Errorf("the token of %q is empty", t.Name)
		case taken:
			return nil, nil, fmt.Errorf("%q and %q have the same token", other, t.Name)
		}
		names[t.Name], hashes[t.SHA256] = true, t.Name
		k := key{t.Name, t.SHA256}
		one, stays := old[k]
		if !stays {
			one = newLife()
		}
		delete(old, k)
		n.lives = append(n.lives, one)
	}
	gone := make([]life, 0, len(old))
	for _, l := range old {
		gone = append(gone, l)
	}
	return n, gone, nil
}

// find returns the holder of secret. It takes the same time for every secret
// of one length, whichever token it is or is like.
func (s *tokenSet) find(secret string) (Token, context.Context, bool) {
	hash, at := Hash(secret), -1
	for i := range s.tokens {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], s.tokens[i].SHA256[:]), i, at)
	}
	if at < 0 {
		return Token{}, nil, false
	}
	return s.tokens[at], s.lives[at].ctx, true
}

func checkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("a name is empty")
	case len(name) > 200 || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("the name %.40q is longer than 200 bytes or holds a control character", name)
	case strings.HasPrefix(name, certPrefix):
		return fmt.Errorf("the name %q begins with %q, which is for certificates", name, certPrefix)
	case strings.HasPrefix(name, issuedPrefix):
		return fmt.Errorf("the name %q begins with %q, which is for access tokens", name, issuedPrefix)
	}
	return nil
}
