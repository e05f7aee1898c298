package kernelmap

// Raw is one kernel map as read: bytes and what is needed to make sense of
// them without the kernel.
type Raw struct {
	// Name is the kernel's name, at most 15 bytes: "AT_reads" for @reads,
	// "AT_" for the anonymous map. FullName is the untruncated name where BTF
	// tells it, else "".
	Name     string
	FullName string
	// ID is the kernel's map id; maps made later have larger ids.
	ID uint32
	// Type is the kernel's map type (enum bpf_map_type): 1 hash, 5 per-CPU
	// hash, 2 array, 6 per-CPU array.
	Type uint32
	// KeySize and ValueSize are bytes of one key and of one value on one CPU.
	KeySize, ValueSize uint32
	// Capacity is the kernel's max_entries.
	Capacity uint32
	// CPUs is the number of values per entry: the possible CPUs for a per-CPU
	// map, else 1. Each is padded to 8 bytes in a per-CPU map.
	CPUs int
	// Key and Value are the layouts that BTF gives (bpftrace 0.22 and later), else nil.
	Key, Value *Layout
	// Count is the number of entries in Keys and Values.
	Count int
	// Keys holds Count keys of KeySize bytes, Values Count entries of Stride() bytes.
	Keys, Values []byte
	// Truncated says that the map had more entries than were read.
	Truncated bool
}

// Stride returns the bytes of one entry in Values.
func (r *Raw) Stride() int {
	if r.perCPU() {
		return r.CPUs * r.cell()
	}
	return int(r.ValueSize)
}

func (r *Raw) perCPU() bool {
	return r.Type == typePerCPUHash || r.Type == typePerCPUArray || r.Type == typeLRUPerCPUHash
}

// fill is how much of the map is used, false where that is not known.
func (r *Raw) fill() (Fill, bool) {
	switch r.Type {
	case typeHash, typePerCPUHash:
		f := Fill{r.Count, int(r.Capacity)}
		return f, r.Capacity > 1 && (!r.Truncated || f.Full())
	}
	return Fill{}, false
}

// cell is the size of one CPU's value in a per-CPU map.
func (r *Raw) cell() int { return (int(r.ValueSize) + 7) &^ 7 }

// The map types that bpftrace uses, by the kernel's numbers.
const (
	typeHash          = 1
	typeArray         = 2
	typePerCPUHash    = 5
	typePerCPUArray   = 6
	typeLRUHash       = 9
	typeLRUPerCPUHash = 10
)

// LayoutKind is the kind of a Layout.
type LayoutKind uint8

const (
	LayoutOther  LayoutKind = iota // something this package does not read
	LayoutInt                      // Size, Signed
	LayoutBool                     // Size
	LayoutEnum                     // Size, Signed
	LayoutStruct                   // Size, Fields
	LayoutArray                    // Size, Len, Elem
	LayoutPtr                      // Size
)

// Layout is the part of a BTF type that decoding needs.
type Layout struct {
	Kind   LayoutKind    `json:"k"`
	Size   int           `json:"s"` // bytes
	Signed bool          `json:"g,omitempty"`
	Len    int           `json:"n,omitempty"`
	Elem   *Layout       `json:"e,omitempty"`
	Fields []LayoutField `json:"f,omitempty"`

	text bool // worked out to be a string: zero from its NUL on
	// field says that it is a string of a tracepoint, as it is: behind its NUL
	// may be anything.
	field bool
}

// LayoutField is one member of a struct.
type LayoutField struct {
	Name   string  `json:"n,omitempty"`
	Offset int     `json:"o"` // bytes
	Layout *Layout `json:"t"`
}
