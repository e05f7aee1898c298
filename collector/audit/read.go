package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Filter picks entries. What is zero picks all.
type Filter struct {
	Since, Until time.Time // Since inclusive, Until exclusive
	// Who is the token's holder, the role, the client, the remote address, or
	// a session (its id, or the hash in the log).
	Who     string
	Event   string
	Outcome string
	Rule    string // one that was broken
	Run     string
	SHA256  string
	// Last keeps only so many, the youngest.
	Last int
}

// Matches reports whether a filter picks an entry, Last aside.
func (f Filter) Matches(e Entry) bool {
	w := e.Who
	switch {
	case !f.Since.IsZero() && e.Time.Before(f.Since), !f.Until.IsZero() && !e.Time.Before(f.Until):
	case f.Event != "" && f.Event != e.Event, f.Outcome != "" && f.Outcome != e.Outcome:
	case f.Run != "" && f.Run != e.Run, f.SHA256 != "" && f.SHA256 != e.Script.SHA256:
	case f.Who != "" && f.Who != w.Token && f.Who != w.Role && f.Who != w.Client && f.Who != w.Remote &&
		f.Who != w.Session && SessionHash(f.Who) != w.Session:
	case f.Rule != "" && !e.broke(f.Rule):
	default:
		return true
	}
	return false
}

func (e Entry) broke(rule string) bool {
	for _, b := range e.Broken {
		if b.Rule == rule {
			return true
		}
	}
	return false
}

// Read gives the entries that f picks, oldest first, of the log and of its
// older files. bad is how many lines were no entries: torn by a crash, or not
// tracecar's. An error of give ends it and comes back. Memory is bounded by
// the longest line, about 1 MiB, and f.Last entries.
func Read(file string, f Filter, give func(Entry) error) (bad int, err error) {
	files, err := openAll(file)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	var last []Entry
	next := 0
	for i := len(files) - 1; i >= 0; i-- {
		n, err := lines(files[i], func(line []byte) error {
			var e Entry
			if json.Unmarshal(line, &e) != nil || e.Time.IsZero() || e.Event == "" {
				bad++
				return nil
			}
			switch {
			case !f.Matches(e):
			case f.Last <= 0:
				return give(e)
			case len(last) < f.Last:
				last = append(last, e)
			default:
				last[next] = e
				next = (next + 1) % f.Last
			}
			return nil
		})
		bad += n
		if err != nil {
			return bad, err
		}
	}
	for i := range last {
		if err := give(last[(next+i)%len(last)]); err != nil {
			return bad, err
		}
	}
	return bad, nil
}

// openAll opens the log and its older files, youngest first. A rotation
// meanwhile can show the same file under two names: it is taken once.
func openAll(file string) (files []*os.File, err error) {
	var infos []fs.FileInfo
	missing := 0
	for i := 0; missing < 2; i++ {
		f, err := os.Open(older(file, i))
		if errors.Is(err, fs.ErrNotExist) {
			missing++ // one may be on its way to its next name
			continue
		}
		if err != nil {
			return files, fmt.Errorf("audit: %w", err)
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return files, fmt.Errorf("audit: %w", err)
		}
		again := false
		for _, other := range infos {
			again = again || os.SameFile(info, other)
		}
		if again {
			f.Close()
			continue
		}
		files, infos = append(files, f), append(infos, info)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("audit: %w", &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist})
	}
	return files, nil
}

// lines gives each line; long is how many were too long to be entries.
func lines(r io.Reader, give func([]byte) error) (long int, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	over := false
	for {
		part, err := b.ReadSlice('\n')
		if over = over || len(line)+len(part) > maxLine; over {
			line = line[:0]
		} else {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if over {
			long++
		} else if text := bytes.TrimSpace(line); len(text) > 0 {
			if err := give(text); err != nil {
				return long, err
			}
		}
		line, over = line[:0], false
		if errors.Is(err, io.EOF) {
			return long, nil
		}
		if err != nil {
			return long, fmt.Errorf("audit: %w", err)
		}
	}
}
