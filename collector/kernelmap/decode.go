package kernelmap

import (
	"errors"
	"fmt"

	"tracecar/parser"
	"tracecar/parser/script"
)

// ErrUnverified is returned by Decode for a version of bpftrace whose
// layouts are not known.
var ErrUnverified = errors.New("kernelmap: layout of this bpftrace version is not verified")

// Tables is the decoded state of a script's maps.
type Tables struct {
	// Verified says that the layouts of this version were tested against
	// bpftrace's own JSON; without it, compare before use.
	Verified bool
	// Maps in the script's order; maps left out stand in Skipped.
	Maps []Table
	// Skipped says for each map (with the @) that could not be decoded why.
	Skipped map[string]string
	// Fill says of each map (with the @) that has keys or buckets how much of it
	// is used, decoded or not; nothing of one that was not read whole and may
	// be full.
	Fill map[string]Fill
}

// Fill is how much of a map is used. An entry is a key, or one bucket of a
// key's histogram; in 0.17 the half of a key's avg() or stats().
type Fill struct{ Entries, Capacity int }

// Full tells whether there is no place for one entry more.
func (f Fill) Full() bool { return f.Entries >= f.Capacity }

// Table is one decoded map.
type Table struct {
	Name string // with the @
	Kind script.MapKind
	// Keyed is false for a scalar map: then there is one row with no Key, or
	// none where the map was never written.
	Keyed bool
	// Rows in the kernel's order, which means nothing.
	Rows Rows
	// Truncated says that the dump did not hold all entries: rows are missing
	// and histograms may lack buckets.
	Truncated bool
}

// Decode turns what Dump read into typed tables, by what the script says
// about its maps. It fails with ErrUnverified for versions whose layouts it
// does not know; a map that it cannot decode is left out and named in Skipped.
//
// A row costs up to 48 bytes and 32 per key part, texts once; histograms have
// at most 4 Mi buckets per map. raws is not kept.
func Decode(raws []Raw, s *script.Script, version string) (*Tables, error) {
	return decode(raws, s, version, func(*Raw) *memo { return nil })
}

// decode is Decode with what earlier calls remember of each map, or nil.
func decode(raws []Raw, s *script.Script, version string, memoOf func(*Raw) *memo) (*Tables, error) {
	d, ok := dialectOf(version)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnverified, version)
	}
	found, skipped := pair(raws, s.Maps)
	t := &Tables{Verified: d.verified, Skipped: skipped, Fill: map[string]Fill{}}
	seen := map[string]bool{}
	for i := range s.Maps {
		m := &s.Maps[i]
		r := found[m.Name]
		if r == nil || seen[m.Name] {
			continue
		}
		seen[m.Name] = true
		if fill, ok := r.fill(); ok {
			t.Fill[m.Name] = fill
		}
		table, err := decodeMap(r, m, d, memoOf(r))
		if err != nil {
			skipped[m.Name] = err.Error()
			continue
		}
		t.Maps = append(t.Maps, *table)
	}
	return t, nil
}

// mapDecoder decodes the rows of one map.
type mapDecoder struct {
	raw  *Raw
	m    *script.Map
	d    dialect
	keys []cell
	// keySize is the bytes of the script's key; what follows it is a bucket
	// number, or in 0.17 the half of an avg or stats.
	keySize int
	fit     fit
	known   [][]Part // the keys that are known from the last look, nil where not
	same    bool     // these are all
	slab    []Part
	checks  int // see layout
	texts   interned
	memo    *memo // or nil
}

func decodeMap(r *Raw, m *script.Map, d dialect, memo *memo) (*Table, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if m.Kind == script.KindUnknown {
		return nil, fmt.Errorf("%s maps are not read from the kernel", m.Kind)
	}
	if m.KeyUnclear {
		return nil, errors.New("the script does not tell the shape of its key")
	}
	if d.btf && (r.Key == nil || r.Value == nil) {
		return nil, errors.New("the kernel has no type information for it")
	}
	dec := &mapDecoder{raw: r, m: m, d: d, texts: interned{byText: map[string]parser.Value{}}, memo: memo, keySize: int(r.KeySize)}
	if dec.tailed() {
		if dec.keySize -= 8; dec.keySize < 0 {
			return nil, fmt.Errorf("a key of %d bytes holds no bucket", r.KeySize)
		}
	}
	if err := dec.compileKey(); err != nil {
		return nil, err
	}
	t := &Table{Name: m.Name, Kind: m.Kind, Keyed: len(m.Keys) > 0, Truncated: r.Truncated}
	var err error
	var rows []Row
	switch {
	case m.Kind == script.KindHist || m.Kind == script.KindLhist:
		rows, err = dec.histograms()
	case m.Kind == script.KindTSeries:
		rows = dec.series()
	case dec.tailed():
		rows, err = dec.halves()
	default:
		t.Rows, err = dec.plain()
	}
	if rows != nil {
		t.Rows = RowsOf(rows)
	}
	if err == nil && !t.Keyed && t.Rows.Len() > 1 {
		err = errors.New("a map without key has several entries")
	}
	return t, err
}

// tailed tells whether keys end in 8 bytes that are not the script's.
func (dec *mapDecoder) tailed() bool {
	switch dec.m.Kind {
	case script.KindHist, script.KindLhist, script.KindTSeries:
		return true
	case script.KindAvg, script.KindStats:
		return !dec.d.btf
	}
	return false
}

// check tells whether sizes and bytes agree: a Raw may come from a foreign process.
func (r *Raw) check() error {
	if !r.sane() || int64(r.Count)*int64(r.KeySize) != int64(len(r.Keys)) || int64(r.Count)*int64(r.Stride()) != int64(len(r.Values)) {
		return errors.New("its dump is damaged")
	}
	return nil
}

// sane keeps lying sizes from overflowing or asking for rows without bytes.
func (r *Raw) sane() bool {
	const most = 1 << 24
	return r.Count >= 0 && r.Count <= 1<<36 && r.CPUs >= 1 && r.CPUs <= 1<<12 &&
		r.KeySize <= most && r.ValueSize <= most && r.Stride() <= 4*most && (r.KeySize > 0 || r.Count == 0)
}

func (r *Raw) key(i int) []byte { return r.Keys[i*int(r.KeySize) : (i+1)*int(r.KeySize)] }

func (r *Raw) value(i int) []byte { return r.Values[i*r.Stride() : (i+1)*r.Stride()] }

// compileKey finds out where the key's parts are.
func (dec *mapDecoder) compileKey() error {
	parts := dec.m.Keys
	if len(parts) == 0 || dec.memo.recall(dec) {
		return nil
	}
	l := dec.raw.Key
	if !dec.d.btf || dec.tailed() {
		var err error
		if l, err = dec.solveKey(); err != nil {
			return err
		}
	} else if len(parts) == 1 {
		l = &Layout{Kind: LayoutStruct, Size: l.Size, Fields: []LayoutField{{Layout: l}}}
	}
	if dec.fit.Layout == nil {
		dec.fit = fit{Layout: l, known: true}
	}
	if l.Kind != LayoutStruct || len(l.Fields) != len(parts) {
		return fmt.Errorf("the kernel's key does not have the script's %d parts", len(parts))
	}
	for i, f := range l.Fields {
		c := compile(f.Layout, f.Offset, parts[i].Type, dec.d)
		if !c.fits(dec.keySize) {
			return errors.New("the type information of its key is damaged")
		}
		dec.keys = append(dec.keys, c)
	}
	return nil
}

// solveKey works out the layout of a key that no BTF describes.
func (dec *mapDecoder) solveKey() (*Layout, error) {
	shapes := make([]shape, len(dec.m.Keys))
	for i, k := range dec.m.Keys {
		shapes[i] = shapeOf(k.Type)
		for _, a := range dec.m.Assigns {
			if len(a.Key) == len(shapes) {
				shapes[i].exprs = append(shapes[i].exprs, a.Key[i])
			}
		}
		if len(shapes[i].exprs) == 0 {
			shapes[i].exprs = []string{k.Expr}
		}
	}
	f, err := dec.layout(shapes, dec.keySize, true, func(i int) []byte { return dec.raw.key(i)[:dec.keySize] })
	if err != nil {
		return nil, fmt.Errorf("layout of its key: %w", err)
	}
	dec.fit = f
	return f.Layout, nil
}

func shapeOf(t script.Type) shape {
	s := shape{typ: t}
	if t.Kind == script.TypeTuple && len(t.Elems) > 0 {
		for _, e := range t.Elems {
			s.elems = append(s.elems, shapeOf(e))
		}
	}
	return s
}

// room makes place for the keys of n rows: a table's keys are kept together.
func (dec *mapDecoder) room(n int) { dec.slab = make([]Part, n*len(dec.keys)) }

func (dec *mapDecoder) readKey(b []byte) []Part {
	n := len(dec.keys)
	if n == 0 {
		return nil
	}
	if len(dec.slab) < n {
		dec.room(64)
	}
	parts := dec.slab[:n:n]
	dec.slab = dec.slab[n:]
	for i := range dec.keys {
		dec.keys[i].readInto(&parts[i], b, &dec.texts)
	}
	return parts
}
