// Package parser reads what bpftrace -f json prints.
package parser
