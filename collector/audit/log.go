package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Options say where the log goes.
type Options struct {
	// File is the log. Older ones stand beside it: File.1 is the youngest.
	File string
	// MaxSize is how many bytes a file takes before a new one is begun. At
	// least one entry goes into each. 0: 64 MiB.
	MaxSize int64
	// Keep is how many older files are kept.
	Keep int
	// ScriptText writes the scripts themselves, and messages that quote them.
	ScriptText bool
}

// syncAfter is how long an entry may stay in the page cache.
const syncAfter = time.Second

// Log is an open log. It is safe for concurrent use; of several processes,
// each with a Log of its own, none may rotate under another: give them files
// of their own.
type Log struct {
	o Options

	mu     sync.Mutex
	file   *os.File // nil when closed, or when it could not be opened again
	size   int64
	closed bool
	lost   uint64 // since the last entry that was written
	total  uint64
	sync   *time.Timer // set while entries wait for it
}

// ErrClosed is what Write returns after Close.
var ErrClosed = errors.New("audit: the log is closed")

// Open opens or creates the log. The error names the file.
func Open(o Options) (*Log, error) {
	if o.MaxSize <= 0 {
		o.MaxSize = 64 << 20
	}
	l := &Log{o: o}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// open opens the file, and ends a line that a crash left torn.
func (l *Log) open() error {
	f, err := os.OpenFile(l.o.File, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", l.o.File)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("audit: %w", err)
	}
	l.file, l.size = f, info.Size()
	last := []byte{'\n'}
	if l.size > 0 {
		if _, err := f.ReadAt(last, l.size-1); err != nil {
			f.Close()
			l.file = nil
			return fmt.Errorf("audit: %w", err)
		}
	}
	if last[0] != '\n' {
		if n, err := f.WriteString("\n"); err == nil {
			l.size += int64(n)
		}
	}
	return nil
}

// Write writes one entry. An error means that it is not in the log, and is
// counted (Lost); the next that is written says how many are missing. Write
// goes on trying: a full disk that has room again is no reason to restart.
func (l *Log) Write(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	err := l.write(e)
	if err != nil {
		l.lost++
		l.total++
		return fmt.Errorf("audit: %w", err)
	}
	l.lost = 0
	if l.sync == nil {
		l.sync = time.AfterFunc(syncAfter, l.flush)
	}
	return nil
}

func (l *Log) write(e Entry) error {
	e.Lost = l.lost
	line, err := e.line(l.o.ScriptText)
	if err != nil {
		return err
	}
	if err := l.current(); err != nil {
		return err
	}
	if l.size > 0 && l.size+int64(len(line)) > l.o.MaxSize {
		// A folder that takes no new names must not end the log at once, nor
		// let it grow for ever.
		if err := l.rotate(); err != nil && l.size+int64(len(line)) > 2*l.o.MaxSize {
			return err
		}
	}
	n, err := l.file.Write(line)
	if err != nil && n > 0 && l.file.Truncate(l.size) != nil {
		l.size += int64(n) // a torn line stays; the reader passes over it
		if m, err := l.file.WriteString("\n"); err == nil {
			l.size += int64(m)
		}
	}
	if err != nil {
		return err
	}
	l.size += int64(n)
	return nil
}

// current makes sure that the file open is the one of that name: somebody may
// have moved or removed it.
func (l *Log) current() error {
	if l.file != nil {
		named, err := os.Lstat(l.o.File)
		if err == nil {
			if open, err := l.file.Stat(); err == nil && os.SameFile(named, open) {
				l.size = open.Size()
				return nil
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.file.Close()
		l.file = nil
	}
	return l.open()
}

// rotate moves each file up by one and begins a new one.
func (l *Log) rotate() error {
	if l.o.Keep == 0 {
		if err := os.Remove(l.o.File); err != nil {
			return err
		}
	}
	for i := l.o.Keep; i > 0; i-- {
		if err := os.Rename(older(l.o.File, i-1), older(l.o.File, i)); err != nil && (i == 1 || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	_ = l.file.Sync() // the entries are written; a power loss may take the last second
	return l.current()
}

// older is the name of the i-th older file; 0 is the log itself.
func older(file string, i int) string {
	if i == 0 {
		return file
	}
	return fmt.Sprintf("%s.%d", file, i)
}

// flush brings to the disk what was written.
func (l *Log) flush() {
	l.mu.Lock()
	f := l.file
	l.sync = nil
	l.mu.Unlock()
	if f != nil {
		_ = f.Sync() // without the lock: a slow disk holds up nobody
	}
}

// Lost is how many entries could not be written since Open.
func (l *Log) Lost() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// Close brings all to the disk and closes the log. Closing twice is fine.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.sync != nil {
		l.sync.Stop()
	}
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
