// Package versions tells which versions of bpftrace a script is for. In flows
// the text of a range, ">=0.17, <0.23"; out flows whether a version is in it.
// Call [Parse]. It knows no other package: the configuration and the scheduler
// both go by it.
package versions
