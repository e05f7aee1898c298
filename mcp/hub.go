package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Hub says where and as what to register this server.
type Hub struct {
	// URL is the hub's; the registration is posted to URL/api/mcp/connect.
	URL string
	// ID and Name are this server's at the hub; the defaults are
	// "tracecar-HOSTNAME", so that hosts do not replace each other, and "tracecar".
	ID, Name string
	// Self is the URL under which the hub reaches this server.
	Self string
	// Every is how often the registration is sent again, so that a hub that
	// has restarted learns of it (default 30 s).
	Every time.Duration
	// Retry is the first pause after a failure; it doubles up to Every
	// (default 1 s).
	Retry time.Duration
}

// registration is what a hub is sent.
type registration struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Version      string   `json:"version"`
	Capabilities []string `json:"capabilities"`
	URL          string   `json:"url"`
}

// hubTimeout bounds one attempt.
const hubTimeout = 10 * time.Second

// Register keeps this server registered with h until ctx ends; it returns nil
// then, and an error at once only where h cannot be used. A hub that does not
// answer is tried again for ever, and one that does is told again every
// h.Every.
func (s *Server) Register(ctx context.Context, h Hub) error {
	target, body, err := s.registration(&h)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: hubTimeout}
	defer client.CloseIdleConnections()
	pause, known := h.Retry, false
	for {
		err := post(ctx, client, target, body)
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case err == nil:
			if !known {
				s.log.Info("registered with the hub", "hub", target)
			}
			known, pause = true, h.Retry
			err = wait(ctx, h.Every)
		default:
			// Said once per outage: the hub may be away for days.
			if known || pause == h.Retry {
				s.log.Warn("the hub does not take the registration; trying on", "hub", target, "err", err)
			}
			known = false
			err = wait(ctx, jitter(pause))
			pause = min(pause*2, h.Every)
		}
		if err != nil {
			return nil
		}
	}
}

func (s *Server) registration(h *Hub) (target string, body []byte, err error) {
	for name, raw := range map[string]string{"hub": h.URL, "own": h.Self} {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return "", nil, fmt.Errorf("the %s URL %q is not an http or https URL", name, raw)
		}
	}
	if h.ID == "" {
		h.ID = "tracecar"
		if host, err := os.Hostname(); err == nil {
			h.ID += "-" + host
		}
	}
	if h.Name == "" {
		h.Name = "tracecar"
	}
	if h.Every <= 0 {
		h.Every = 30 * time.Second
	}
	if h.Retry <= 0 {
		h.Retry = time.Second
	}
	body, err = encode(registration{ID: h.ID, Name: h.Name, Type: "mcp", Version: s.cfg.Version, Capabilities: s.order, URL: h.Self})
	return strings.TrimSuffix(h.URL, "/") + "/api/mcp/connect", body, err
}

func post(ctx context.Context, client *http.Client, target string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	// Read, so that the connection can be used again; a hub that answers at
	// length is not listened to.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode/100 != 2 {
		return errors.New(res.Status)
	}
	return nil
}

// wait returns nil after d, or ctx's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jitter spreads d over its upper half: many sidecars find a hub gone at the
// same time and must not all come back at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
