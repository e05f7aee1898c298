//go:build !light

package main

import (
	"time"

	"tracecar/collector"
	"tracecar/collector/audit"
	"tracecar/collector/policy"
	"tracecar/config"
	"tracecar/parser"
)

// record writes to the audit log, where there is one.
func (d *daemon) record(e audit.Entry) {
	if d.audit == nil {
		return
	}
	if err := d.audit.Write(e); err != nil {
		d.log.Error("the audit log cannot be written", "error", err, "lost", d.audit.Lost())
	}
}

// entryOf is what every entry says of a script.
func entryOf(s collector.Script, role string) audit.Entry {
	name := s.Probe
	if name == "" {
		name = s.Name
	}
	return audit.Entry{
		Who: audit.Who{
			Token: s.Caller.Name, Role: role, Client: s.Caller.Client, Session: s.Caller.Session, Trigger: s.Trigger,
		},
		Script: audit.Script{Source: s.Source, Name: name, Args: len(s.Args), Unsafe: s.Unsafe},
	}
}

// auditDecision writes one entry for each decision: one of collector.Options.Decided.
func (d *daemon) auditDecision(c collector.Decision) {
	if d.audit == nil {
		return
	}
	e := entryOf(c.Script, c.Role)
	e.Event, e.Outcome, e.Run = audit.EventDecision, audit.Allowed, c.Run
	e.Cost = audit.Cost{Duration: c.Took, AttachPoints: c.AttachPoints}
	if !c.Allowed {
		e.Outcome = audit.Refused
	}
	for _, v := range c.Violations {
		e.Broken = append(e.Broken, audit.Broken{
			Rule: v.Rule, Reason: policy.Meaning(v.Rule), Line: v.Pos.Line, Column: v.Pos.Column, Message: v.Message,
		})
	}
	d.record(e)
}

// auditSink writes one entry for the end of a run; those that the policy
// refused have theirs.
type auditSink struct {
	d      *daemon
	entry  audit.Entry
	output int64
}

// observeForAudit is an Observer.
func (d *daemon) observeForAudit(s collector.Script) collector.Sink {
	if d.audit == nil {
		return nil
	}
	return &auditSink{d: d, entry: entryOf(s, d.role(s).Name)}
}

func (a *auditSink) Begin(info collector.RunInfo) { a.entry.Run = info.ID }

func (a *auditSink) Record(rec *parser.Record) { a.output = rec.Offset }

// SkipsText implements collector.Textless.
func (a *auditSink) SkipsText() bool { return true }

func (a *auditSink) End(res *collector.Result) {
	if res.Status == collector.StatusRefused {
		for _, d := range res.Diagnostics {
			if d.Rule != "" {
				return
			}
			a.entry.Reason = d.Message // tracecar's own words: all places are taken, it is shutting down
		}
	}
	a.entry.Event, a.entry.Outcome = audit.EventRun, string(res.Status)
	a.entry.Cost = auditCost(res)
	a.entry.Cost.Output = uint64(a.output)
	a.d.record(a.entry)
}

func auditCost(res *collector.Result) audit.Cost {
	c := audit.Cost{
		Duration: time.Duration(res.DurationMS) * time.Millisecond, AttachPoints: int(res.ProbesAttached),
		Events: uint64(len(res.Events)) + res.Truncated.Events, LostEvents: res.LostEvents,
	}
	if res.Cost != nil {
		c.BpftraceCPU, c.MaxRSS = time.Duration(res.Cost.CPUNS), uint64(max(res.Cost.MaxRSS, 0))
		if res.Cost.KernelNS != nil {
			c.KernelCPU = time.Duration(*res.Cost.KernelNS)
		}
	}
	return c
}

func newAuditLog(cfg *config.Audit) (*audit.Log, error) {
	if cfg.File == "" {
		return nil, nil
	}
	return audit.Open(auditOptions(cfg))
}

func auditOptions(cfg *config.Audit) audit.Options {
	return audit.Options{File: cfg.File, MaxSize: int64(cfg.MaxSize), Keep: cfg.Keep, ScriptText: cfg.ScriptText}
}
