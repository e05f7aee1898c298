// Package script reads bpftrace's language.
package script
