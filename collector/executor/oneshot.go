package executor

import (
	"context"
	"errors"
	"os"
	"time"
)

// answerBound is how much an answer (a list of attach points above all) may
// hold: kprobes with details are about 20 MB.
const answerBound = 64 << 20

// answer is what a bpftrace that runs no script said.
type answer struct {
	stdout string
	exit   *Exit // its Stdout is empty, its Stderr bounded
}

// request fills in what all requests of b have in common.
func (b *Bpftrace) request(k kind) *request {
	return &request{
		kind: k, path: b.path, version: b.version, limits: b.cfg.Limits,
		tz: os.Getenv("TZ"), env: hostEnviron(),
	}
}

// launch starts bpftrace for r, through the root helper where sudo was asked
// for and is needed.
func (b *Bpftrace) launch(ctx context.Context, r *request) (child, pipes, error) {
	cmd, err := r.command() // here too, for an error before sudo is bothered
	if err != nil {
		return nil, pipes{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, pipes{}, err
	}
	if b.cfg.Sudo && os.Geteuid() != 0 && r.kind != kindVersion {
		return b.launchHelper(ctx, r)
	}
	if why := outlivesParent(b.path); why != "" && r.kind == kindRun {
		return nil, pipes{}, &InputError{why + ": it would outlive this process; give them to tracecar instead, which hands them on, or use sudo"}
	}
	if r.kind != kindVersion {
		if cmd.caps = inheritable(); len(cmd.caps) > 0 {
			if why := untrusted(b.path); why != "" {
				return nil, pipes{}, &InputError{"will not hand capabilities to this bpftrace: " + why}
			}
		}
	}
	return asChild(spawn(cmd))
}

func asChild(c *directChild, ends pipes, err error) (child, pipes, error) {
	if err != nil {
		return nil, pipes{}, err
	}
	return c, ends, nil
}

// ask runs bpftrace to its end, at most for limit and as long as ctx lives.
func (b *Bpftrace) ask(ctx context.Context, r *request, limit time.Duration) (*answer, error) {
	what := string(r.kind)
	if r.kind == kindVersion {
		what = "--version"
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ch, ends, err := b.launch(bounded, r)
	if err != nil {
		return nil, err
	}
	defer ch.release()
	stdout := newCapture(ends.stdout, 2*answerBound, "", nil)
	stderr := newCapture(ends.stderr, captureBound, "", nil)
	select {
	case <-ch.exited():
	case <-bounded.Done():
		stopNow(ch)
		err = &DeadlineError{What: what, After: limit}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	stdout.finish()
	stderr.finish()
	if err != nil {
		return nil, err
	}
	st := ch.status()
	if st.lost != nil {
		return nil, st.lost
	}
	a := &answer{exit: &Exit{Code: st.code, Signal: st.signal, UserTime: st.user, SystemTime: st.system, MaxRSS: st.maxRSS, OutOfCPU: st.cpu}}
	var dropped int64
	if a.stdout, dropped = stdout.text(); dropped > 0 {
		return nil, errors.New("bpftrace " + what + ": the answer is longer than 128 MiB")
	}
	a.exit.Stderr, _ = stderr.text()
	a.exit.OutOfMemory = st.outOfMemory(a.exit.Stderr)
	return a, nil
}
