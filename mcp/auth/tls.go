package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// watchEvery is how often the files are looked at.
	watchEvery = 5 * time.Second
	// maxPEM bounds one file, in bytes.
	maxPEM = 4 << 20
)

// Files are the PEM files of a server.
type Files struct {
	// Cert holds the certificate chain, Key its private key.
	Cert, Key string
	// ClientCA, where given, holds the certificates that sign those of clients.
	ClientCA string
}

// TLS is a server's side of TLS, from files that may be renewed while it
// serves. Methods may be called on nil, which stands for no TLS.
type TLS struct {
	log     *slog.Logger
	loading sync.Mutex
	files   Files
	err     error // of the last load
	now     atomic.Pointer[tlsState]
}

// tlsState is what the files held when they were last good together.
type tlsState struct {
	read   [3][]byte // cert, key, client CA
	config *tls.Config
	leaf   *x509.Certificate
	// roots are the certificates of the client CA file, by their hash.
	roots map[[sha256.Size]byte]life
}

// NewTLS reads the files; both of cert and key must be there and match.
func NewTLS(f Files, log *slog.Logger) (*TLS, error) {
	if log == nil {
		log = slog.Default()
	}
	t := &TLS{log: log, files: f}
	if err := t.Reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Config returns the configuration for a listener; its handshakes follow the files.
func (t *TLS) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return t.now.Load().config, nil
		},
	}
}

// Set takes other files, under the rules of Reload.
func (t *TLS) Set(f Files) error {
	t.loading.Lock()
	defer t.loading.Unlock()
	if (f.ClientCA == "") != (t.files.ClientCA == "") {
		return errors.New("a client CA cannot come or go while serving: restart")
	}
	if err := t.load(f); err != nil {
		return err
	}
	t.files, t.err = f, nil
	return nil
}

// Err is why the files, as they are now, are not those in force; nil if they
// are, as far as it was looked.
func (t *TLS) Err() error {
	if t == nil {
		return nil
	}
	t.loading.Lock()
	defer t.loading.Unlock()
	return t.err
}

// NotAfter is the end of the certificate in force.
func (t *TLS) NotAfter() time.Time { return t.now.Load().leaf.NotAfter }

// Reload reads the files again. What they hold is taken whole or not at all:
// on an error what was there stays. Clients whose CA has gone are cut off.
func (t *TLS) Reload() error {
	t.loading.Lock()
	defer t.loading.Unlock()
	t.err = t.load(t.files)
	return t.err
}

// Watch reloads the files when they change, until ctx ends; it logs what it
// takes, and once what it cannot take. mcp.Server.Serve calls it.
func (t *TLS) Watch(ctx context.Context) { t.watch(ctx, watchEvery) }

func (t *TLS) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		before := t.now.Load()
		err := t.Reload()
		switch {
		case err == nil:
			said = ""
			if now := t.now.Load(); now != before {
				t.log.Info("took the renewed certificates", "cert", t.files.Cert, "valid_until", now.leaf.NotAfter)
			}
		case err.Error() != said:
			said = err.Error()
			t.log.Error("kept the old certificates: the new files are not good", "err", err)
		}
	}
}

// load takes f's files; loading is held.
func (t *TLS) load(f Files) error {
	old, next := t.now.Load(), &tlsState{roots: map[[sha256.Size]byte]life{}}
	for i, name := range []string{f.Cert, f.Key, f.ClientCA} {
		if name == "" && i == 2 {
			continue
		}
		b, err := readBounded(name)
		if err != nil {
			return err
		}
		next.read[i] = b
	}
	if old != nil && equal(old.read, next.read) {
		return nil
	}
	pair, err := tls.X509KeyPair(next.read[0], next.read[1])
	if err != nil {
		return fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
	}
	next.leaf = pair.Leaf
	if now := time.Now(); old != nil && now.After(next.leaf.NotAfter) && now.Before(old.leaf.NotAfter) {
		return fmt.Errorf("%s has expired at %v", f.Cert, next.leaf.NotAfter)
	}
	next.config = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
		Certificates: []tls.Certificate{pair},
	}
	if f.ClientCA != "" {
		if err := next.trust(f.ClientCA, old); err != nil {
			return err
		}
	}
	t.now.Store(next)
	if old != nil {
		for hash, l := range old.roots {
			if _, stays := next.roots[hash]; !stays {
				l.end()
			}
		}
	}
	return nil
}

// trust reads the client CA's certificates.
func (s *tlsState) trust(file string, old *tlsState) error {
	c := s.config
	// A client without one gets its 401 over HTTP, and health stays open.
	c.ClientAuth = tls.VerifyClientCertIfGiven
	c.ClientCAs = x509.NewCertPool()
	// A resumed session is not checked against the CA of today.
	c.SessionTicketsDisabled = true
	for rest := s.read[2]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		c.ClientCAs.AddCert(cert)
		hash := sha256.Sum256(cert.Raw)
		if old != nil {
			if l, stays := old.roots[hash]; stays {
				s.roots[hash] = l
				continue
			}
		}
		s.roots[hash] = newLife()
	}
	if len(s.roots) == 0 {
		return fmt.Errorf("%s holds no PEM certificate", file)
	}
	return nil
}

// asksClients tells whether clients must show a certificate.
func (t *TLS) asksClients() bool { return t != nil && len(t.now.Load().roots) > 0 }

// client returns the certificate that a connection's client has shown, if it
// is good still: the connection may be older than the CA's file, and may have
// outlived the certificate.
func (t *TLS) client(conn *tls.ConnectionState) (*x509.Certificate, context.Context, bool) {
	if t == nil || conn == nil {
		return nil, nil, false
	}
	roots, now := t.now.Load().roots, time.Now()
	for _, chain := range conn.VerifiedChains {
		if len(chain) == 0 || now.After(chain[0].NotAfter) {
			continue
		}
		if l, ok := roots[sha256.Sum256(chain[len(chain)-1].Raw)]; ok {
			return chain[0], l.ctx, true
		}
	}
	return nil, nil, false
}

func equal(a, b [3][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// readBounded reads a file whole.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(b) > maxPEM {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxPEM)
	}
	return b, err
}
