// Package stacks turns maps keyed by stacks into what tools for profiles
// read: folded text, pprof's profile.proto, and a flame graph as SVG.
//
// In flow a collector.Map and the script that filled it, out flows a
// [Profile]. Call [Choose] for the map to take, before the run, [Of] with its
// rows after it, then one of [Profile.WriteFolded], [Profile.WritePprof] and
// [Profile.WriteFlameGraph].
//
//	name, err := stacks.Choose(parsed, "")
//	...                                   // the run
//	p, err := stacks.Of(m, parsed, args)
//	err = p.WritePprof(w)
//
// Frames are kept as bpftrace printed them, symbol+offset, and addresses it
// could not resolve as their hexadecimal text; only a flame graph, and folded
// text where asked, leaves the offsets out. Other parts of a key (comm, pid)
// are the root frames of folded text and the labels of pprof's samples.
//
// Symbols and names of processes are text that whoever is traced has chosen:
// control characters are shown escaped, ";" as ":" where it would separate
// frames, and SVG is escaped.
package stacks
