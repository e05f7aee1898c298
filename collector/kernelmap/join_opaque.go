package kernelmap

import "slices"

// joinTries bounds the comparisons of one Join for keys with opaque parts.
const joinTries = 5_000_000

// pattern is the rows whose keys differ only in their opaque parts.
type pattern struct {
	key  []Part
	rows []int
}

// opaque pairs rows of keys that only bpftrace can print in full: it is
// enough to find the other parts, which are the same for a whole pattern.
func (j *joiner) opaque() {
	byKey := map[string]*pattern{}
	var all []*pattern
	for r, key := range j.t.Rows.keys {
		id := identity(key)
		p := byKey[id]
		if p == nil {
			p = &pattern{key: key}
			byKey[id] = p
			all = append(all, p)
		}
		p.rows = append(p.rows, r)
	}
	for i, printed := range j.printed {
		var fit []*pattern
		for _, p := range all {
			if j.tries++; j.tries > joinTries {
				return
			}
			if j.d.match(p.key, printed.Key) {
				fit = append(fit, p)
			}
		}
		if len(fit) > 1 || j.t.Truncated {
			fit = slices.DeleteFunc(fit, func(p *pattern) bool { return j.like(p, i) < 0 })
		}
		if len(fit) != 1 {
			continue
		}
		key, ok := j.d.resolve(fit[0].key, printed.Key)
		if !ok {
			continue
		}
		j.out[i].Key = key
		if r := j.like(fit[0], i); r >= 0 {
			j.out[i].Value = j.d.better(j.t.Rows.At(r), printed.Value)
		}
	}
}

// like returns a row of the pattern with the value of printed row i, or -1.
func (j *joiner) like(p *pattern, i int) int {
	for _, r := range p.rows {
		if j.tries++; j.tries > joinTries {
			return -1
		}
		if j.d.agrees(j.t.Rows.At(r), j.printed[i].Value) {
			return r
		}
	}
	return -1
}

// identity is the same for two keys whose parts differ in opaque ones only.
func identity(key []Part) string {
	var b []byte
	for _, p := range key {
		if p.Opaque {
			b = append(b, 'o', 0)
			continue
		}
		b = append(b, 'v')
		b = append(p.Value.AppendJSON(b), 0)
	}
	return string(b)
}
