package examples

import "testing"

func TestTmp(t *testing.T) { t.Log(len(List())) }
