// Package auth says who sends a request, before anything else looks at it.
//
// In flow HTTP requests, tokens (as hashes), certificate files, and by a
// [Verifier] the access tokens of OAuth issuers. Out flow Holders: a name and a
// role; or a Denial, ready to be answered with.
//
//	Authorization: Bearer … ─┬→ tokens ──┐
//	                         └→ Verifier ┼→ Auth.Authenticate → Holder | Denial
//	client certificate ────────→ Clients ┘
//	certificate files → TLS.Config → handshakes
//
// Call [New] first, and [NewTLS] before it where the server speaks TLS;
// [Auth.Set] changes who is let in while it serves. What a Holder may do is not
// decided here.
//
// Memory is bounded: 4096 addresses are remembered for wrong guesses, and the
// rest share one bound.
package auth
