package decode

import (
	"syscall"

	"golang.org/x/sys/unix"

	"tracecar/parser"
)

// errnoName names an error number, given as it is or negative as the kernel
// returns it. 0, and a positive number that is no errno, stay numbers.
func errnoName(v parser.Value) parser.Value {
	n, ok := integer(v)
	if ok && n < 0 {
		n = -n
	}
	if !ok || n <= 0 || n > 4095 {
		return v
	}
	if name := unix.ErrnoName(syscall.Errno(n)); name != "" {
		return parser.Text(name)
	}
	return v
}

// signalName names a signal.
func signalName(v parser.Value) parser.Value {
	n, ok := integer(v)
	if !ok || n <= 0 || n > 64 {
		return v
	}
	if name := unix.SignalName(syscall.Signal(n)); name != "" {
		return parser.Text(name)
	}
	return v
}

// syscallName names a system call by its number on this machine's
// architecture, as raw_syscalls prints it. A 32-bit program's numbers are
// others: those are then named wrong, as nothing in the number tells.
func syscallName(v parser.Value) parser.Value {
	if n, ok := integer(v); ok {
		if name, ok := syscallNames[n]; ok {
			return parser.Text(name)
		}
	}
	return v
}
