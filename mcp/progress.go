package mcp

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"
	sdkserver "github.com/mark3labs/mcp-go/server"
)

// progressReport is one progress notification's content. Done and Total are
// seconds; Total is 0 where the run has no end of its own.
type progressReport struct {
	done, total float64
	message     string
}

func reportOf(r run) progressReport {
	p, limit := r.Progress(), r.Script().Timeout
	var b strings.Builder
	if p.Attaching {
		b.WriteString("attaching probes")
	} else {
		fmt.Fprintf(&b, "attached %s, %s", count(p.ProbesAttached, "probe"), count(p.Events, "event"))
	}
	if p.LostEvents > 0 {
		fmt.Fprintf(&b, ", %d lost", p.LostEvents)
	}
	fmt.Fprintf(&b, ", %.1f s", p.Elapsed.Seconds())
	if limit > 0 {
		fmt.Fprintf(&b, " of %s s", plain(limit.Seconds()))
	}
	return progressReport{done: p.Elapsed.Seconds(), total: limit.Seconds(), message: b.String()}
}

func count[T int | int64](n T, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// notifier sends notifications that belong to one request to that request's
// own client, and where the transport has one, on its own stream. The SDK's
// session channel cannot: calls of one session share it.
type notifier interface {
	notify(n sdk.JSONRPCNotification) error
}

type notifierKey struct{}

func withNotifier(ctx context.Context, n notifier) context.Context {
	return context.WithValue(ctx, notifierKey{}, n)
}

// progressFunc returns what sends progress for req, nil where its caller gave
// no progress token.
func (s *Server) progressFunc(ctx context.Context, req sdk.CallToolRequest) func(progressReport) {
	if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return nil
	}
	token := req.Params.Meta.ProgressToken
	return func(p progressReport) {
		fields := map[string]any{"progressToken": token, "progress": p.done, "message": p.message}
		if p.total > 0 {
			fields["total"] = p.total
		}
		const method = "notifications/progress"
		var err error
		if n, ok := ctx.Value(notifierKey{}).(notifier); ok {
			err = n.notify(sdk.JSONRPCNotification{
				JSONRPC:      sdk.JSONRPC_VERSION,
				Notification: sdk.Notification{Method: method, Params: sdk.NotificationParams{AdditionalFields: fields}},
			})
		} else if srv := sdkserver.ServerFromContext(ctx); srv != nil {
			err = srv.SendNotificationToClient(ctx, method, fields)
		}
		if err != nil {
			// The client has gone or does not read; its run's end shows elsewhere.
			s.log.Debug("progress not sent", "err", err)
		}
	}
}
