package script

// maxTypeSize bounds the elements of a tuple and of the tuples in it: a loop
// may make a variable of a tuple of itself.
const maxTypeSize = 200

// size counts the elements of a type.
func size(t Type) int {
	n := 1
	for _, e := range t.Elems {
		n += size(e)
	}
	return n
}

func same(a, b Type) bool {
	if a.Kind != b.Kind || a.Bits != b.Bits || a.Signed != b.Signed || a.Size != b.Size ||
		a.StackMode != b.StackMode || len(a.Elems) != len(b.Elems) {
		return false
	}
	for i := range a.Elems {
		if !same(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}

// join is the narrowest type that holds both.
func join(a, b Type) Type {
	if same(a, b) {
		return a
	}
	switch {
	case a.Kind == TypeInt && b.Kind == TypeBool:
		return a
	case a.Kind == TypeBool && b.Kind == TypeInt:
		return b
	case a.Kind != b.Kind:
		return Type{}
	}
	switch a.Kind {
	case TypeInt:
		return Type{Kind: TypeInt, Bits: wider(a.Bits, b.Bits), Signed: a.Signed || b.Signed}
	case TypeString, TypeBuffer:
		return Type{Kind: a.Kind, Size: wider(a.Size, b.Size)}
	case TypeTuple:
		if len(a.Elems) != len(b.Elems) {
			return Type{Kind: TypeTuple}
		}
		t := Type{Kind: TypeTuple}
		for i := range a.Elems {
			t.Elems = append(t.Elems, join(a.Elems[i], b.Elems[i]))
		}
		return t
	case TypeKernelStack, TypeUserStack:
		return Type{Kind: a.Kind} // of two modes
	}
	return Type{Kind: a.Kind, Bits: wider(a.Bits, b.Bits)}
}

// wider is the larger of two sizes, 0 (not known) where one is not known.
func wider(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}
