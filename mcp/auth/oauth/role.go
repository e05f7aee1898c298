package oauth

import (
	"errors"
	"slices"
	"strings"
)

// Role gives a role to the holders of tokens that have a scope, or a value in
// a claim.
type Role struct {
	// Scope is one of the token's scopes.
	Scope string
	// Claim is the name of a claim; in "a.b", b is looked for in a, unless there
	// is a claim of the whole name. It matches where it is Value, or a list that
	// holds Value.
	Claim, Value string
	// Role is the holder's.
	Role string
}

func (r *Role) check() error {
	if (r.Scope == "") == (r.Claim == "") {
		return errors.New("a role of OAuth needs a scope or a claim, and not both")
	}
	if (r.Claim == "") != (r.Value == "") {
		return errors.New("a claim needs a value")
	}
	if r.Role == "" {
		return errors.New("a role of OAuth has no name")
	}
	return nil
}

// role is the first that matches, "" where none does.
func (v *Verifier) role(scopes []string, claims map[string]any) string {
	for _, r := range v.cfg.Roles {
		if r.Scope != "" && slices.Contains(scopes, r.Scope) || r.Claim != "" && slices.Contains(words(find(claims, r.Claim)), r.Value) {
			return r.Role
		}
	}
	return ""
}

// scopesOf lists a token's scopes: in scope (RFC 9068), or as some issuers
// write them in scp; as words, or as a list.
func scopesOf(claims map[string]any) []string {
	var out []string
	for _, name := range []string{"scope", "scp"} {
		for _, s := range words(claims[name]) {
			out = append(out, strings.Fields(s)...)
		}
	}
	return out
}

func find(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	name, rest, nested := strings.Cut(path, ".")
	if inner, ok := claims[name].(map[string]any); ok && nested {
		return find(inner, rest)
	}
	return nil
}

func words(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
