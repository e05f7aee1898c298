package stacks

import (
	"cmp"
	"maps"
	"slices"
)

// kind is what a node of a flame graph stands for.
type kind uint8

const (
	labelNode kind = iota // the root, and parts of keys beside stacks
	userFrame
	kernelFrame
)

// node is one box of a flame graph. Its own value is what its children do not
// add up to.
type node struct {
	name     string
	kind     kind
	value    int64
	children map[edge]*node
}

type edge struct {
	name string
	kind kind
}

// tree merges the samples from their roots on, by symbol.
func (p *Profile) tree() (*node, error) {
	root := &node{name: "all"}
	for i := range p.Samples {
		s := &p.Samples[i]
		if s.Value < 0 {
			return nil, ErrNegative
		}
		root.value += s.Value
		n := root
		path := s.path(false)
		for j, name := range path {
			e := edge{name: name}
			if f := len(path) - 1 - j; f < len(s.Frames) {
				e.kind = userFrame
				if s.Frames[f].Kernel {
					e.kind = kernelFrame
				}
			}
			n = n.child(e)
			n.value += s.Value
		}
	}
	return root, nil
}

func (n *node) child(e edge) *node {
	c := n.children[e]
	if c == nil {
		c = &node{name: e.name, kind: e.kind}
		if n.children == nil {
			n.children = map[edge]*node{}
		}
		n.children[e] = c
	}
	return c
}

// sorted gives the children in the order of their names.
func (n *node) sorted() []*node {
	return slices.SortedFunc(maps.Values(n.children), func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind))
	})
}

// depth is the number of rows, at least one.
func (n *node) depth() int {
	d := 0
	for _, c := range n.children {
		d = max(d, c.depth())
	}
	return d + 1
}
