package parser

import (
	"encoding/json"
	"math"
	"testing"
)

func TestValueJSON(t *testing.T) {
	big := Int(1<<53 + 1)
	tests := []struct {
		name string
		v    Value
		kind Kind
		want string
	}{
		{"none", Value{}, KindNone, `null`},
		{"true", Bool(true), KindBool, `true`},
		{"false", Bool(false), KindBool, `false`},
		{"largest exact", Int(1<<53 - 1), KindInt, `9007199254740991`},
		{"first inexact", Int(1 << 53), KindInt, `"9007199254740992"`},
		{"smallest exact", Int(-1<<53 + 1), KindInt, `-9007199254740991`},
		{"below", Int(-1 << 53), KindInt, `"-9007199254740992"`},
		{"min", Int(math.MinInt64), KindInt, `"-9223372036854775808"`},
		{"uint small", Uint(7), KindInt, `7`},
		{"uint max", Uint(math.MaxUint64), KindUint, `"18446744073709551615"`},
		{"float", Float(1.5), KindFloat, `1.5`},
		{"nan", Float(math.NaN()), KindFloat, `"NaN"`},
		{"inf", Float(math.Inf(1)), KindFloat, `"+Inf"`},
		{"text", Text("a\"\\\n\x01\x7f<é\u2028"), KindText, `"a\"\\\n\u0001\u007f<é\u2028"`},
		{"bytes", Text("caf\xe9"), KindText, `{"text":"caf\ufffd","base64":"Y2Fm6Q=="}`},
		{"replacement itself", Text("\ufffd"), KindText, "\"\ufffd\""},
		{"array", Array([]Value{Int(1), Text("a"), Array(nil)}), KindArray, `[1,"a",[]]`},
		{"object", Object([]Field{{"b", Int(1)}, {"a", big}, {"b", Value{}}}), KindObject, `{"b":1,"a":"9007199254740993","b":null}`},
		{"buckets", BucketsOf([]Bucket{{Max: -1, HasMax: true, Count: 1}, {Min: 1 << 53, HasMin: true, Count: math.MaxUint64}}),
			KindBuckets, `[{"max":-1,"count":1},{"min":"9007199254740992","count":"18446744073709551615"}]`},
		{"no buckets", BucketsOf(nil), KindBuckets, `[]`},
		{"stats", StatsOf(Stats{Int(2), Int(-3), big}), KindStats, `{"count":2,"average":-3,"total":"9007199254740993"}`},
		{"points", PointsOf([]Point{{1795329651200000000, Int(2)}}), KindPoints, `[{"time":"2026-11-22T06:40:51.2Z","value":2}]`},
		{"frames", Frames([]string{"schedule+35", "x\xff"}), KindFrames, `{"frames":["schedule+35",{"text":"x\ufffd","base64":"eP8="}]}`},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.v.AppendJSON(nil)); got != tt.want {
				t.Errorf("AppendJSON = %s, want %s", got, tt.want)
			}
			if got := tt.v.Kind(); got != tt.kind {
				t.Errorf("Kind = %s, want %s", got, tt.kind)
			}
			if _, err := json.Marshal(tt.v); err != nil {
				t.Errorf("Marshal: %v", err)
			}
			for j, other := range tests {
				if got := tt.v.Equal(other.v); got != (i == j) {
					t.Errorf("Equal(%s) = %t", other.name, got)
				}
			}
		})
	}
}

func TestValueAccessors(t *testing.T) {
	if i, ok := Int(-1).Int64(); i != -1 || !ok {
		t.Error(i, ok)
	}
	if _, ok := Int(-1).Uint64(); ok {
		t.Error("a negative number has a Uint64")
	}
	if u, ok := Uint(math.MaxUint64).Uint64(); u != math.MaxUint64 || !ok {
		t.Error(u, ok)
	}
	if _, ok := Uint(math.MaxUint64).Int64(); ok {
		t.Error("2^64-1 has an Int64")
	}
	if f, ok := Uint(math.MaxUint64).Float64(); f != 1<<64 || !ok {
		t.Error(f, ok)
	}
	if _, ok := Text("1").Float64(); ok {
		t.Error("text has a Float64")
	}
	none := Value{}
	if none.Bool() || none.Text() != "" || none.Elems() != nil || none.Fields() != nil || none.Buckets() != nil ||
		none.Stats() != (Stats{}) || none.Points() != nil || none.Frames() != nil || !none.IsNone() {
		t.Error("the zero Value holds something")
	}
}

// A JSON string that appendQuoted writes must be what encoding/json reads.
func FuzzAppendText(f *testing.F) {
	f.Add("plain")
	f.Add("caf\xe9\u2028\x00\x7f\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		var got any
		b := Text(s).AppendJSON(nil)
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		switch got := got.(type) {
		case string:
			if got != s {
				t.Fatalf("%q came back as %q", s, got)
			}
		case map[string]any:
			var back struct{ Base64 []byte }
			if err := json.Unmarshal(b, &back); err != nil || string(back.Base64) != s {
				t.Fatalf("%q came back as %q, %v", s, back.Base64, err)
			}
		}
	})
}
