package kernelmap

import "testing"

func TestFill(t *testing.T) {
	for name, c := range map[string]struct {
		raw   Raw
		known bool
		full  bool
	}{
		"some":                 {Raw{Type: typeHash, Capacity: 4, Count: 3}, true, false},
		"none":                 {Raw{Type: typePerCPUHash, Capacity: 4}, true, false},
		"all":                  {Raw{Type: typePerCPUHash, Capacity: 4, Count: 4}, true, true},
		"scalar":               {Raw{Type: typeHash, Capacity: 1, Count: 1}, false, true},
		"array":                {Raw{Type: typePerCPUArray, Capacity: 4, Count: 4}, false, false},
		"evicts its oldest":    {Raw{Type: typeLRUHash, Capacity: 4, Count: 4}, false, false},
		"not read whole":       {Raw{Type: typeHash, Capacity: 4, Count: 3, Truncated: true}, false, false},
		"full, more was there": {Raw{Type: typeHash, Capacity: 4, Count: 4, Truncated: true}, true, true},
	} {
		fill, known := c.raw.fill()
		if known != c.known || known && fill.Full() != c.full {
			t.Errorf("%s: %+v, known %v", name, fill, known)
		}
	}
}
