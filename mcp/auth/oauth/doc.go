// Package oauth verifies the access tokens of OAuth issuers: JWTs (RFC 9068)
// that are for this server (RFC 8707), as the MCP specification asks.
//
// In flow tokens, and over HTTP each issuer's metadata (RFC 8414, or OpenID
// Connect discovery) and keys (a JWKS, RFC 7517). Out flow grants: a name and a
// role; or why there is none.
//
//	token → issuer by iss → key by kid → signature → aud, exp, nbf → scopes → role
//	                          ↑
//	Run: metadata → jwks_uri ─┘ every 5 minutes, and for a kid that is not known
//
// Call [New] first, and keep [Verifier.Run] running: without it there are no
// keys. An issuer that is down, hangs or sends nonsense takes nothing away: its
// last keys are good for a day. Memory is bounded by 1 MiB for a document and
// 100 keys for an issuer.
//
// go-jose parses and verifies (JWS, JWK). What is fetched when, and what of it
// is believed, is decided here: a client library would ask the issuer for each
// unknown kid that somebody makes up, and keep a key that was withdrawn.
package oauth
