package versions

import "testing"

func TestRange(t *testing.T) {
	for _, test := range []struct {
		text, version string
		want          bool
	}{
		{"0.23", "0.23.2", true}, {"0.23", "0.24.0", false}, {"=0.23.2", "0.23.2", true}, {"0.23.1", "0.23.2", false},
		{"==0.23", "0.23.9", true}, {"v0.24", "0.24", true}, {" 0.17 ", "0.17.1", true}, {"0.17", "v0.17.1-dirty", true},
		{">=0.22", "0.22.0", true}, {">=0.22", "0.21.9", false}, {">= 0.21.3", "0.21.3", true},
		{">0.22", "0.22.1", false}, {"> 0.22", "0.23", true}, {">0.23.1", "0.23.2", true}, {">0.23.1", "0.23", false},
		{"<0.23", "0.22.9", true}, {"<0.23", "0.23.0-rc1", false}, {"<=0.23", "0.23.5", true}, {"<=0.23", "0.24.0", false},
		{">=0.17, <0.23", "0.20.0", true}, {">=0.17,<0.23", "0.23.0", false}, {"<0.17, >=0.23", "0.23.0", false},
		{"1", "1.2.3", true}, {"<1", "0.27.1", true}, {"0.9", "0.10.0", false}, {">0.9", "0.10.0", true},
		{"0.23", "unknown", false}, {"0.23", "", false}, {">=0.23", "0.23.2-12-gabcdef", true},
	} {
		r, err := Parse(test.text)
		if err != nil || r.Holds(test.version) != test.want {
			t.Errorf("%q holds %q: %v, %v", test.text, test.version, !test.want, err)
		}
	}
	for _, bad := range []string{"", ",", "x", ">", ">=", "0.23.1.4", ">=0.22,", "~0.22", "=> 0.22", "0,x", "0.23-rc1", "99999999999999999999"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if (Range{}).Holds("0.23.2") {
		t.Error("the zero Range holds a version")
	}
}
