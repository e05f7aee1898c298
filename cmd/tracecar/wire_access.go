//go:build !light

package main

import (
	"time"

	"tracecar/collector"
	"tracecar/collector/audit"
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

// auditSink writes one entry for the decision about a run and one for its end.
type auditSink struct {
	d     *daemon
	entry audit.Entry
}

// observeForAudit is an Observer.
func (d *daemon) observeForAudit(s collector.Script) collector.Sink {
	if d.audit == nil {
		return nil
	}
	name := s.Probe
	if name == "" {
		name = s.Name
	}
	return &auditSink{d: d, entry: audit.Entry{
		Who: audit.Who{
			Token: s.Caller.Name, Role: s.Caller.Role, Client: s.Caller.Client, Session: s.Caller.Session, Trigger: s.Trigger,
		},
		Script: audit.Script{Source: s.Source, Name: name, Args: len(s.Args), Unsafe: s.Unsafe},
	}}
}

func (a *auditSink) Begin(info collector.RunInfo) { a.entry.Run = info.ID }

func (a *auditSink) Record(*parser.Record) {}

func (a *auditSink) End(res *collector.Result) {
	decision := a.entry
	decision.Event, decision.Outcome = audit.EventDecision, audit.Allowed
	if res.Status == collector.StatusRefused {
		decision.Outcome = audit.Refused
		for _, d := range res.Diagnostics {
			if d.Rule != "" {
				decision.Broken = append(decision.Broken, audit.Broken{Rule: d.Rule, Line: d.Line, Column: d.Column, Message: d.Message})
			}
		}
	}
	a.d.record(decision)
	if res.Status == collector.StatusRefused {
		return
	}
	a.entry.Event, a.entry.Outcome = audit.EventRun, string(res.Status)
	a.entry.Cost = auditCost(res)
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
	return audit.Open(audit.Options{File: cfg.File, MaxSize: int64(cfg.MaxSize), Keep: cfg.Keep, ScriptText: cfg.ScriptText})
}
