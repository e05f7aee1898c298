package mcp

import (
	"net/http"
	"slices"
	"strings"
)

// Headers that pages of allowed origins may send and read.
const (
	corsRequest  = "Authorization, Content-Type, Accept, Last-Event-ID, " + sessionHeader + ", " + versionHeader
	corsResponse = sessionHeader + ", WWW-Authenticate, Retry-After"
)

func (s *Server) allowsOrigin(origin string) bool {
	return slices.ContainsFunc(s.cfg.AllowedOrigins, func(o string) bool {
		return o == "*" || strings.EqualFold(strings.TrimSuffix(o, "/"), origin)
	})
}

// answerPreflight lets pages of allowed origins read answers, and answers a
// browser's question whether they may ask: it comes without a token. r's
// Origin has passed refuseOrigin.
func (s *Server) answerPreflight(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if len(s.cfg.AllowedOrigins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	if origin == "" || !s.allowsOrigin(origin) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsResponse)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", corsRequest)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
