package decode

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"tracecar/parser"
)

// pciFiles are where distributions keep the list of PCI ids; the first that is
// there is read, once, when the first id comes. It is that of the file system
// tracecar sees: a container has none unless its image does.
var pciFiles = []string{"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"}

// maxPCIFile and maxPCINames bound what is read of it and kept: it has 1.5 MB
// and 20,000 devices.
const (
	maxPCIFile  = 16 << 20
	maxPCINames = 200_000
)

// pciKind says which entries of pci.ids a decoder names.
type pciKind struct {
	name   string
	class  bool // of the classes at the end, not of the vendors
	nested bool // second level: a device of its vendor, a subclass of its class
	max    int64
	format func(n uint32) string // for what has no name
}

// pciKinds take the numbers that ebpf_exporter's decoders of these names take.
// What has no name is written in pci.ids's digits, a device as lspci does.
var pciKinds = []pciKind{
	{"pci_vendor", false, false, 1<<16 - 1, func(n uint32) string { return fmt.Sprintf("%04x", n) }},
	// vendor<<16 | device
	{"pci_device", false, true, 1<<32 - 1, func(n uint32) string { return fmt.Sprintf("%04x:%04x", n>>16, n&0xffff) }},
	{"pci_class", true, false, 1<<8 - 1, func(n uint32) string { return fmt.Sprintf("%02x", n) }},
	// class<<8 | subclass
	{"pci_subclass", true, true, 1<<16 - 1, func(n uint32) string { return fmt.Sprintf("%04x", n) }},
}

func pciDecoders() (ks []kind) {
	for _, k := range pciKinds {
		ks = append(ks, fresh(k.name, func() Decoder { return &pci{kind: k, files: pciFiles} }))
	}
	return ks
}

// pci names what one kind of id stands for.
type pci struct {
	kind  pciKind
	files []string

	once  sync.Once
	names map[uint32]string
}

// Decode gives an id's name, else its digits. A number that is no such id is
// left alone.
func (p *pci) Decode(v parser.Value) parser.Value {
	n, ok := integer(v)
	if ok && p.kind.max == 1<<32-1 && n < 0 && n >= -1<<31 {
		n += 1 << 32 // printed as a signed number of 32 bits
	}
	if !ok || n < 0 || n > p.kind.max {
		return v
	}
	p.once.Do(p.load)
	if name, ok := p.names[uint32(n)]; ok {
		return parser.Text(name)
	}
	return parser.Text(p.kind.format(uint32(n)))
}

func (p *pci) load() {
	for _, file := range p.files {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		defer f.Close()
		p.names = readPCI(io.LimitReader(f, maxPCIFile), p.kind)
		return
	}
}

// readPCI reads the format of pci.ids(5): a vendor or, after "C ", a class at
// the start of a line, what belongs to it after one tab, more after two.
func readPCI(r io.Reader, k pciKind) map[uint32]string {
	names := map[uint32]string{}
	var parent uint32
	inKind := false
	for lines := bufio.NewScanner(r); lines.Scan() && len(names) < maxPCINames; {
		line := lines.Text()
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if below, nested := strings.CutPrefix(line, "\t"); nested {
			if inKind && k.nested {
				if id, name, ok := pciEntry(below, k.class); ok {
					names[parent|id] = name
				}
			}
			continue
		}
		top, class := strings.CutPrefix(line, "C ")
		id, name, ok := pciEntry(top, class)
		inKind = ok && class == k.class
		switch {
		case inKind && !k.nested:
			names[id] = name
		case class:
			parent = id << 8
		default:
			parent = id << 16
		}
	}
	return names
}

// pciEntry reads an id, of two digits in classes and four elsewhere, and a
// name. What two tabs begin is none.
func pciEntry(s string, class bool) (id uint32, name string, ok bool) {
	digits, name, ok := strings.Cut(s, " ")
	width := 4
	if class {
		width = 2
	}
	n, err := strconv.ParseUint(digits, 16, 4*width)
	name = strings.TrimSpace(name)
	return uint32(n), name, ok && err == nil && len(digits) == width && name != ""
}
