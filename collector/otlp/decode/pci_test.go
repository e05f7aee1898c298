package decode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tracecar/parser"
)

const pciIDs = `#	a comment
1af4  Red Hat, Inc.
	1000  Virtio network device
		01de fffb  Propolis Virtio network device
	1001  Virtio block device
8086  Intel Corporation

	1000  82542 Gigabit Ethernet Controller (Fiber)
nonsense
	1002  of nothing
	1003
12345  too long
	1004  of nothing

# classes
C 01  Mass storage controller
	08  Non-Volatile memory controller
		02  NVM Express
	1  too short
C 0c  Serial bus controller
	03  USB controller
`

func pciNamer(name string, files ...string) *pci {
	for _, k := range pciKinds {
		if k.name == name {
			return &pci{kind: k, files: files}
		}
	}
	return nil
}

func TestPCI(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pci.ids")
	if err := os.WriteFile(path, []byte(pciIDs), 0o600); err != nil {
		t.Fatal(err)
	}
	text, num := parser.Text, parser.Int
	for _, tt := range []struct {
		name     string
		in, want parser.Value
		digits   string // where there is no file
	}{
		{"pci_vendor", num(0x8086), text("Intel Corporation"), "8086"},
		{"pci_vendor", text("0x1af4"), text("Red Hat, Inc."), "1af4"},
		{"pci_vendor", num(0x10), text("0010"), "0010"},
		{"pci_vendor", num(0x1234), text("1234"), "1234"},
		{"pci_vendor", num(1 << 16), num(1 << 16), ""},
		{"pci_vendor", num(-1), num(-1), ""},
		{"pci_vendor", text("eth0"), text("eth0"), ""},
		{"pci_device", num(0x80861000), text("82542 Gigabit Ethernet Controller (Fiber)"), "8086:1000"},
		{"pci_device", num(0x80861000 - 1<<32), text("82542 Gigabit Ethernet Controller (Fiber)"), "8086:1000"},
		{"pci_device", num(0x1af41000), text("Virtio network device"), "1af4:1000"},
		{"pci_device", num(0x1af41001), text("Virtio block device"), "1af4:1001"},
		{"pci_device", num(0x80861002), text("8086:1002"), "8086:1002"},
		{"pci_device", num(0x1af401de), text("1af4:01de"), "1af4:01de"}, // a subsystem is no device
		{"pci_device", num(1 << 32), num(1 << 32), ""},
		{"pci_class", num(1), text("Mass storage controller"), "01"},
		{"pci_class", num(0x0c), text("Serial bus controller"), "0c"},
		{"pci_class", num(2), text("02"), "02"},
		{"pci_class", num(0x100), num(0x100), ""},
		{"pci_subclass", num(0x0108), text("Non-Volatile memory controller"), "0108"},
		{"pci_subclass", num(0x0c03), text("USB controller"), "0c03"},
		{"pci_subclass", num(0x0101), text("0101"), "0101"},
		{"pci_subclass", num(0x0102), text("0102"), "0102"}, // a programming interface is no subclass
		{"pci_subclass", num(0x10000), num(0x10000), ""},
	} {
		if _, err := New(tt.name); err != nil {
			t.Fatal(err)
		}
		// The second of the files is read where the first is not there.
		if got := pciNamer(tt.name, "/not/there", path).Decode(tt.in); !got.Equal(tt.want) {
			t.Errorf("%s of %s: %s, want %s", tt.name, tt.in.AppendJSON(nil), got.AppendJSON(nil), tt.want.AppendJSON(nil))
		}
		want := tt.in
		if tt.digits != "" {
			want = text(tt.digits)
		}
		if got := pciNamer(tt.name, "/not/there").Decode(tt.in); !got.Equal(want) {
			t.Errorf("%s of %s without names: %s, want %s", tt.name, tt.in.AppendJSON(nil), got.AppendJSON(nil), want.AppendJSON(nil))
		}
	}
}

func TestPCINamesAreBounded(t *testing.T) {
	var b strings.Builder
	for vendor := range 4 {
		fmt.Fprintf(&b, "%04x  vendor\n", vendor)
		for device := range 1 << 16 {
			fmt.Fprintf(&b, "\t%04x  device\n", device)
		}
	}
	if n := len(readPCI(strings.NewReader(b.String()), pciKinds[1])); n != maxPCINames {
		t.Errorf("%d names", n)
	}
	if n := len(readPCI(strings.NewReader(b.String()), pciKinds[0])); n != 4 {
		t.Errorf("%d vendors", n)
	}
}
