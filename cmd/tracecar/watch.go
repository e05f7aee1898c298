package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tracecar/cmd/tracecar/internal/probestatus"
	"tracecar/collector"
)

// tokenVariable holds the bearer token of watch, where the server wants one.
const tokenVariable = "TRACECAR_TOKEN"

// watchPatience is how long the server may take for one answer: it waits up
// to 30 s for its probes' maps.
const watchPatience = 40 * time.Second

func newWatch() *cobra.Command {
	var w watcher
	var interval, duration time.Duration
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show what the probes of a running server see",
		Long: `Show the state of the probes of a running tracecar serve and what they see, as
it changes: on a terminal in place, else as a block of text each time.

  tracecar watch
  tracecar watch --url http://127.0.0.1:8421 --for 10s

Where the server wants a token, it is taken from the environment variable
` + tokenVariable + `. Ctrl-C ends the view, not the server.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 0 || duration < 0 || w.rows < 1 {
				return usageError("--interval and --for must not be negative, --rows is at least 1")
			}
			u, err := url.Parse(w.base)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				return usageError("--url %q: want a URL such as http://127.0.0.1:8421", w.base)
			}
			w.base = strings.TrimSuffix(w.base, "/")
			w.token = os.Getenv(tokenVariable)
			w.screen = newScreen(cmd.OutOrStdout())
			if interval == 0 {
				interval = w.screen.interval()
			}
			return asFailure(w.watch(cmd.Context(), interval, duration))
		},
	}
	cmd.Flags().StringVar(&w.base, "url", "http://127.0.0.1:8421", "`URL` of the server")
	cmd.Flags().DurationVar(&duration, "for", 0, "end after this `time` (default: at Ctrl-C)")
	cmd.Flags().DurationVar(&interval, "interval", 0, "`time` between two looks (default: 1s on a terminal, else 5s)")
	cmd.Flags().IntVar(&w.rows, "rows", 5, "rows shown of each map, the largest")
	return cmd
}

// watcher looks at a server again and again. What it shows is bounded by
// probestatus.MaxBytes of one answer.
type watcher struct {
	base, token string
	rows        int
	screen      *screen
	metrics     string // the URL of the scrape, where there is one
}

// watch ends with ctx or after duration, 0 for never: both are no error. A
// server that cannot be reached at first is one; one that is lost later is
// said to be, and asked again.
func (w *watcher) watch(ctx context.Context, interval, duration time.Duration) error {
	if duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	w.metrics = w.findMetrics(ctx)
	tick := time.NewTicker(max(interval, 10*time.Millisecond))
	defer tick.Stop()
	for seen := false; ; {
		probes, err := w.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !seen:
			return err
		case err != nil:
			err = w.screen.show([]string{w.title("not reached: " + err.Error()), ""})
		default:
			seen = true
			err = w.screen.show(w.view(probes, time.Now()))
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *watcher) ask(ctx context.Context) ([]collector.ProbeStatus, error) {
	resp, err := w.get(ctx, "/api/probes")
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w\nIs it running? tracecar serve --config FILE starts one; --url names another", err)
		}
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return probestatus.Read(resp.Body)
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("%s: %s; the environment variable %s is taken as the token", w.base, resp.Status, tokenVariable)
	}
	return nil, fmt.Errorf("%s/api/probes: %s", w.base, resp.Status)
}

// findMetrics looks once whether the server has a scrape, at the usual place.
func (w *watcher) findMetrics(ctx context.Context) string {
	resp, err := w.get(ctx, "/metrics")
	if err != nil {
		return ""
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return w.base + "/metrics"
}

func (w *watcher) get(ctx context.Context, path string) (*http.Response, error) {
	// The body is read under this time-out too.
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		cancel()
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = fmt.Errorf("%s: %w", w.base, wrapped.Err)
		}
		return nil, err
	}
	resp.Body = &closing{resp.Body, cancel}
	return resp, nil
}

// closing ends a request's context with its body.
type closing struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *closing) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}
