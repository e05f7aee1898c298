// Command promserver is the part of Prometheus that tracecar's users see: its
// database, its OTLP receiver and its query engine, behind the addresses of
// Prometheus's own HTTP API. There is no scraping, no rules, no UI.
//
//	promserver -dir DIR [-listen ADDR] [-config prometheus.yml]
//
// The first line on standard output is the address it listens at.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "", "directory of the database")
	listen := flag.String("listen", "127.0.0.1:0", "address")
	file := flag.String("config", "", "prometheus.yml: its sections otlp and storage are used")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *dir, *listen, *file); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, dir, listen, file string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := &config.DefaultConfig
	if file != "" {
		var err error
		if cfg, err = config.LoadFile(file, false, logger); err != nil {
			return err
		}
	}
	registry := prometheus.NewRegistry()
	options := tsdb.DefaultOptions()
	if t := cfg.StorageConfig.TSDBConfig; t != nil {
		options.OutOfOrderTimeWindow = t.OutOfOrderTimeWindow
	}
	db, err := tsdb.Open(dir, logger, registry, options, nil)
	if err != nil {
		return err
	}
	// Prometheus's own defaults: 5 minutes look-back.
	parse := parser.NewParser(parser.Options{
		// Prometheus's feature flag promql-extended-range-selectors: with
		// "anchored", increase() is what the samples say, not extrapolated.
		EnableExtendedRangeSelectors: true,
	})
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: logger, MaxSamples: 50_000_000, Timeout: time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: parse,
	})
	write := remote.NewOTLPWriteHandler(logger, registry, db, func() config.Config { return *cfg }, remote.OTLPOptions{LookbackDelta: 5 * time.Minute})

	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/otlp/v1/metrics", refusals(write, logger))
	mux.Handle("GET /api/v1/query", instant(engine, db))
	mux.Handle("GET /api/v1/query_range", ranged(engine, db))
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = server.Close()
		<-failed
	}
	return errors.Join(err, db.Close())
}

// refusals logs why a message was refused: its sender may not.
func refusals(h http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&refusal{ResponseWriter: w, logger: logger}, r)
	})
}

type refusal struct {
	http.ResponseWriter
	logger *slog.Logger
	status int
}

func (r *refusal) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *refusal) Write(b []byte) (int, error) {
	if r.status >= 400 {
		r.logger.Error("refused", "status", r.status, "why", string(b))
	}
	return r.ResponseWriter.Write(b)
}
