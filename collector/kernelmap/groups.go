package kernelmap

import (
	"errors"
	"fmt"
)

// group is the entries of one key of the script.
type group struct {
	key    []byte
	counts map[uint64]uint64 // by the number in the key's tail
}

// groups gathers the entries whose keys differ only in the tail.
func (dec *mapDecoder) groups() ([]*group, error) {
	if dec.raw.ValueSize != 8 {
		return nil, fmt.Errorf("%s: a value of %d bytes, not 8", dec.m.Kind, dec.raw.ValueSize)
	}
	byKey := map[string]*group{}
	var all []*group
	for i := range dec.raw.Count {
		k := dec.raw.key(i)
		g := byKey[string(k[:dec.keySize])]
		if g == nil {
			g = &group{key: k[:dec.keySize], counts: map[uint64]uint64{}}
			byKey[string(g.key)] = g
			all = append(all, g)
		}
		g.counts[number(k[dec.keySize:], false)] += dec.total(dec.raw.value(i), 0)
	}
	return all, nil
}

// maxBars bounds the buckets of all histograms of a map, empty ones between
// others included: about 200 MB.
const maxBars = 4 << 20

func (dec *mapDecoder) histograms() ([]Row, error) {
	s, err := scaleOf(dec.m, dec.d)
	if err != nil {
		return nil, err
	}
	bars := 0
	return dec.grouped(func(g *group) (Part, error) {
		v, err := s.buckets(g.counts)
		if bars += len(v.Buckets()); bars > maxBars {
			err = errors.New("its histograms have too many buckets in all")
		}
		return Part{Value: v}, err
	})
}

// series gives the keys of tseries, which end in 8 bytes of interval number.
// Its values stay bpftrace's: which intervals it prints, and on which clock, is
// not known well enough.
func (dec *mapDecoder) series() (rows []Row) {
	seen := map[string]bool{}
	for i := range dec.raw.Count {
		k := dec.raw.key(i)[:dec.keySize]
		if !seen[string(k)] {
			seen[string(k)] = true
			rows = append(rows, Row{Key: dec.readKey(k), Opaque: true})
		}
	}
	return rows
}

// halves decodes avg and stats of 0.17: tail 0 holds the count, 1 the total.
func (dec *mapDecoder) halves() ([]Row, error) {
	return dec.grouped(func(g *group) (Part, error) {
		for tail := range g.counts {
			if tail > 1 {
				return Part{}, fmt.Errorf("%s: a key ends in %d", dec.m.Kind, tail)
			}
		}
		return dec.stats(g.counts[0], g.counts[1]), nil
	})
}

func (dec *mapDecoder) grouped(value func(*group) (Part, error)) ([]Row, error) {
	groups, err := dec.groups()
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(groups))
	dec.room(len(rows))
	for i, g := range groups {
		p, err := value(g)
		if err != nil {
			return nil, err
		}
		rows[i] = Row{Key: dec.readKey(g.key), Value: p.Value, Unsure: p.Unsure}
	}
	return rows, nil
}
