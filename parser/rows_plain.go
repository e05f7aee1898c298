package parser

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes are looked at in one step below, the first in the lowest bits:
// ones has a 1 in each byte, tops the highest bit of each.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// plain reads rows of the usual form, a key without escapes and an integer of
// up to 18 digits, and returns where the first other one begins. last says
// that it read the brace after the last row.
func (r *rows) plain(b []byte, i int) (next int, last bool) {
	keys := r.keys[:cap(r.keys)]
	kept := len(r.keys)
	for {
		j := i
		if j < len(b) && b[j] == ' ' {
			j++
		}
		if j >= len(b) || b[j] != '"' {
			break
		}
		j++
		at, found := kept, false
		for j+8 <= len(b) {
			if at+8 > len(keys) {
				grown := make([]byte, 2*len(keys)+64)
				copy(grown, keys[:at])
				keys = grown
			}
			x := binary.LittleEndian.Uint64(b[j:])
			binary.LittleEndian.PutUint64(keys[at:], x)
			quote, slash := x^ones*'"', x^ones*'\\'
			// Right up to the first byte that is zero in one of the two.
			if hit := ((quote-ones)&^quote | (slash-ones)&^slash) & tops; hit != 0 {
				n := bits.TrailingZeros64(hit) / 8
				at, j, found = at+n, j+n, true
				break
			}
			at, j = at+8, j+8
		}
		if !found || len(b)-j < 4 || b[j] != '"' || b[j+1] != ':' || b[j+2] != ' ' {
			break
		}
		num, end, ok := smallInt(b, j+3)
		if !ok {
			if num, end, ok = plainInt(b, j+3); !ok {
				break
			}
		}
		c := cell{num: uint64(num), end: uint32(at), kind: KindInt}
		if kept = at; at >= keyBatch {
			c.last = true
			r.batches = append(r.batches, string(keys[:at]))
			kept = 0
		}
		if len(r.block) == cap(r.block) {
			r.grow()
		}
		r.block = append(r.block, c)
		i = end + 1
		if b[end] == '}' {
			last = true
			break
		}
	}
	r.keys = keys[:kept]
	return i, last
}

// smallInt is plainInt for what it reads most: one to seven digits.
func smallInt(b []byte, from int) (n int64, end int, ok bool) {
	if from+8 > len(b) {
		return 0, 0, false
	}
	x := binary.LittleEndian.Uint64(b[from:]) ^ ones*'0'
	other := ((x + ones*(0x80-10)) | x) & tops
	bit := bits.TrailingZeros64(other) &^ 7 // 64 for eight digits
	if c := byte(x>>bit) ^ '0'; bit == 0 || c != ',' && c != '}' || x&0xff == 0 && bit != 8 {
		return 0, 0, false
	}
	return int64(eightDigits(x << (64 - bit))), from + bit/8, true
}

// plainInt reads an integer of up to 18 digits with a comma or brace behind
// it, at index end.
func plainInt(b []byte, from int) (n int64, end int, ok bool) {
	i := from
	neg := i < len(b) && b[i] == '-'
	if neg {
		i++
	}
	first := i
	if i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:]) ^ ones*'0' // digits become 0 to 9
		// A byte above 9 gets its top bit; a carry spoils only bytes after it.
		other := ((x + ones*(0x80-10)) | x) & tops
		if other == 0 {
			x, i = eightDigits(x), i+8
		} else {
			digits := bits.TrailingZeros64(other) / 8
			if digits == 0 {
				return 0, 0, false
			}
			x, i = eightDigits(x<<(64-8*digits)), i+digits
		}
		n = int64(x)
	}
	for i < len(b) && b[i]-'0' <= 9 {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	if i == first || i-first > 18 || b[first] == '0' && i-first > 1 || i >= len(b) || b[i] != ',' && b[i] != '}' {
		return 0, 0, false
	}
	if neg {
		n = -n
	}
	return n, i, true
}

// eightDigits gives the number of which each byte is a digit.
func eightDigits(x uint64) uint64 {
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	return (x*10000 + x>>32) & 0xffffffff
}
