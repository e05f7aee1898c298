package mcp

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// hub is a hub that can die and come back at the same address.
type hub struct {
	t      *testing.T
	addr   string
	srv    *http.Server
	status int
	got    chan registration
	tries  chan struct{}
}

func (h *hub) up() {
	h.t.Helper()
	addr := h.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = ln.Addr().String()
	status := h.status
	h.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case h.tries <- struct{}{}:
		default:
		}
		if r.Method != http.MethodPost || r.URL.Path != "/hub/api/mcp/connect" || r.Header.Get("Content-Type") != "application/json" {
			h.t.Errorf("request %s %s", r.Method, r.URL)
		}
		if status != 200 {
			w.WriteHeader(status)
			return
		}
		var reg registration
		if err := json.NewDecoder(r.Body).Decode(&reg); err != nil {
			h.t.Error(err)
		}
		select {
		case h.got <- reg:
		default:
		}
	})}
	go func() { _ = h.srv.Serve(ln) }()
}

func (h *hub) down() { _ = h.srv.Close() }

func TestRegisterSurvivesTheHub(t *testing.T) {
	h := &hub{t: t, status: 500, got: make(chan registration, 1), tries: make(chan struct{}, 100)}
	h.up()
	s := stubServer(t, newStub())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Register(ctx, Hub{URL: "http://" + h.addr + "/hub/", ID: "id-1", Self: "http://10.0.0.1:8080/mcp",
			Every: 20 * time.Millisecond, Retry: time.Millisecond})
	}()
	// It refuses, twice; then it is gone; then it takes the registration.
	within(t, h.tries, "try")
	within(t, h.tries, "second try")
	h.down()
	h.status = 200
	h.up()
	reg := within(t, h.got, "registration")
	if reg.ID != "id-1" || reg.Name != "tracecar" || reg.Type != "mcp" || reg.Version != "test" ||
		reg.URL != "http://10.0.0.1:8080/mcp" || !slices.Contains(reg.Capabilities, "execute_bpftrace_script") {
		t.Errorf("registration %+v", reg)
	}
	within(t, h.got, "second registration")
	h.down()
	for len(h.got) > 0 {
		<-h.got
	}
	h.up()
	within(t, h.got, "registration after the hub came back")
	cancel()
	if err := within(t, ended, "end of Register"); err != nil {
		t.Errorf("end: %v", err)
	}
	h.down()
}

func TestRegisterRefusesBadURLs(t *testing.T) {
	s := stubServer(t, newStub())
	for _, h := range []Hub{
		{URL: "", Self: "http://a"}, {URL: "hub:80", Self: "http://a"}, {URL: "ftp://hub", Self: "http://a"}, {URL: "http://hub", Self: ""},
	} {
		if err := s.Register(t.Context(), h); err == nil || !strings.Contains(err.Error(), "URL") {
			t.Errorf("%+v: %v", h, err)
		}
	}
}
