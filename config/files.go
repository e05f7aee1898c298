package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// seenFile tells whether a file has changed: a hash of what it held, or of
// why it could not be read. Of a folder of scripts it is of their names.
type seenFile struct {
	limit  int64 // it was read with; what is larger cannot be read
	sum    [sha256.Size]byte
	empty  bool
	folder bool
}

// fileReader reads files once each, and remembers what it saw.
type fileReader struct {
	seen map[string]seenFile
	data map[string][]byte
}

func newFileReader() *fileReader {
	return &fileReader{seen: map[string]seenFile{}, data: map[string][]byte{}}
}

func (r *fileReader) read(path string, limit int64) ([]byte, error) {
	if data, ok := r.data[path]; ok {
		return data, nil
	}
	data, err := readRegular(path, limit)
	r.seen[path] = see(data, limit, err)
	if err == nil {
		r.data[path] = data
	}
	return data, err
}

func see(data []byte, limit int64, err error) seenFile {
	if err != nil {
		return seenFile{limit: limit, sum: sha256.Sum256([]byte("error: " + err.Error()))}
	}
	return seenFile{limit: limit, sum: sha256.Sum256(data), empty: len(data) == 0}
}

// look reads what was seen once again.
func look(path string, before seenFile) seenFile {
	if before.folder {
		s, _, _ := lookInto(path)
		return s
	}
	data, err := readRegular(path, before.limit)
	return see(data, before.limit, err)
}

// scriptSuffix ends the names of what counts in a folder of scripts.
const scriptSuffix = ".bt"

// lookInto reads which scripts a folder has.
func lookInto(dir string) (seen seenFile, scripts []string, err error) {
	entries, err := os.ReadDir(dir) // sorted
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), scriptSuffix) {
			scripts = append(scripts, e.Name())
		}
	}
	seen = see([]byte(strings.Join(scripts, "\x00")), 0, err)
	seen.folder = true
	return seen, scripts, err
}

// readFolder remembers a folder of scripts, and each of them: whoever runs one
// reads it then, here it only counts whether that is another one. This takes
// some 100 bytes and a name for each.
func (r *fileReader) readFolder(dir string) error {
	seen, scripts, err := lookInto(dir)
	r.seen[dir] = seen
	for _, name := range scripts {
		path := filepath.Join(dir, name)
		if _, there := r.seen[path]; !there {
			r.seen[path] = look(path, seenFile{limit: maxScript})
		}
	}
	return err
}

// readRegular reads a whole file. A pipe or a device could block for ever.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %v", Size(limit))}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// fileError words why a file cannot be read.
func fileError(err error) *Error {
	e := &Error{Message: err.Error(), Err: err}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		e.Message = fmt.Sprintf("cannot read %s: %v", pe.Path, pe.Err)
	}
	return e
}

// checkFiles reads what the configuration names, and keeps what probes and
// tokens need of it.
func (c *Config) checkFiles(files *fileReader) Errors {
	k := check{c: c, files: files}
	for i := range c.Probes {
		p := &c.Probes[i]
		path := joinIndex("probes", i)
		p.Source = k.script(path, p.Script, p.File)
		for j := range p.Versions {
			v := &p.Versions[j]
			v.Source = k.script(joinIndex(join(path, "versions"), j), v.Script, v.File)
		}
	}
	t := &c.OTLP.TLS
	t.pem.ca = k.certificates("otlp.tls.ca", t.CA)
	t.pem.cert, t.pem.key = k.keyPair("otlp.tls.cert", t.Cert, "otlp.tls.key", t.Key)
	s := &c.Auth.TLS
	s.pem.ca = k.certificates("auth.tls.client_ca", s.ClientCA)
	s.pem.cert, s.pem.key = k.keyPair("auth.tls.cert", s.Cert, "auth.tls.key", s.Key)
	c.Auth.OAuth.pem.ca = k.certificates("auth.oauth.ca", c.Auth.OAuth.CA)
	for i := range c.Auth.Tokens {
		k.token(joinIndex("auth.tokens", i), &c.Auth.Tokens[i])
	}
	for i, dir := range c.Library.Dirs {
		err := files.readFolder(dir)
		if info, e := os.Stat(dir); e == nil && !info.IsDir() {
			k.fail(joinIndex("library.dirs", i), dir+" is not a folder", "")
		} else if err != nil {
			k.failErr(joinIndex("library.dirs", i), fileError(err))
		}
	}
	if path := c.Bpftrace.Path; strings.Contains(path, "/") {
		if info, err := os.Stat(path); err != nil {
			k.failErr("bpftrace.path", fileError(err))
		} else if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			k.fail("bpftrace.path", path+" is not a program", "")
		}
	}
	return k.errs
}

// script returns the text of a script given inline or as a file.
func (k *check) script(path, inline, file string) string {
	key, text := join(path, "script"), inline
	if file != "" {
		key = join(path, "file")
		data, err := k.files.read(file, maxScript)
		if err != nil {
			k.failErr(key, fileError(err))
			return ""
		}
		text = string(data)
	}
	switch {
	case text == "" && file == "":
	case strings.TrimSpace(text) == "":
		k.fail(key, "the script is empty", "")
	case strings.ContainsRune(text, 0):
		k.fail(key, "the script holds a NUL character", "")
	}
	return text
}

// minToken is the shortest bearer token taken: 128 bits in hexadecimal have
// 32 characters, in base64 22.
const minToken = 20

// token keeps the hash of a bearer token. No message shows any of it.
func (k *check) token(path string, t *Token) {
	var secret []byte
	key := join(path, "token_env")
	switch {
	case t.TokenFile != "":
		key = join(path, "token_file")
		data, err := k.files.read(t.TokenFile, 1<<16)
		if err != nil {
			k.failErr(key, fileError(err))
			return
		}
		secret = bytes.TrimSpace(data)
	case t.TokenEnv != "":
		value, set := lookup(k.c.src.env)[t.TokenEnv]
		if !set {
			k.fail(key, "the variable "+t.TokenEnv+" is not set", "")
			return
		}
		secret = bytes.TrimSpace([]byte(value))
	default:
		return // Validate has said so
	}
	if len(secret) < minToken || bytes.ContainsAny(secret, " \t\r\n\x00") {
		k.fail(key, fmt.Sprintf("want one token of at least %d characters without spaces", minToken), "make one: openssl rand -hex 32")
	}
	t.SHA256 = sha256.Sum256(secret)
}
