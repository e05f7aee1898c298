package decode

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"tracecar/parser"
)

// kernelSymbols names kernel addresses by /proc/kallsyms, which is read once,
// when the first address comes; modules loaded later stay addresses. It takes
// some 10 MB.
type kernelSymbols struct {
	path string

	mu    sync.Mutex
	addrs []uint64
	names []string
	read  time.Time
}

func newKsym() Decoder { return &kernelSymbols{path: "/proc/kallsyms"} }

// Decode gives symbol+offset, or the symbol alone where the offset is 0.
func (k *kernelSymbols) Decode(v parser.Value) parser.Value {
	addr, ok := bits(v)
	if !ok || addr < 1<<47 {
		return v // no kernel address
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.addrs == nil && time.Since(k.read) > time.Minute {
		k.load()
	}
	i := sort.Search(len(k.addrs), func(i int) bool { return k.addrs[i] > addr }) - 1
	if i < 0 || addr-k.addrs[i] > 1<<24 {
		return v
	}
	if off := addr - k.addrs[i]; off > 0 {
		return parser.Text(fmt.Sprintf("%s+%d", k.names[i], off))
	}
	return parser.Text(k.names[i])
}

func (k *kernelSymbols) load() {
	k.read = time.Now()
	f, err := os.Open(k.path)
	if err != nil {
		return
	}
	defer f.Close()
	type symbol struct {
		addr uint64
		name string
	}
	var all []symbol
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || !strings.ContainsAny(fields[1], "tTwW") {
			continue
		}
		addr, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil || addr == 0 { // all zero: not allowed to see them
			continue
		}
		all = append(all, symbol{addr, fields[2]})
	}
	slices.SortFunc(all, func(a, b symbol) int {
		switch {
		case a.addr < b.addr:
			return -1
		case a.addr > b.addr:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	for _, s := range all {
		k.addrs, k.names = append(k.addrs, s.addr), append(k.names, s.name)
	}
}
