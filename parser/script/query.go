package script

// Map returns the map called name (with its "@"), or nil.
func (s *Script) Map(name string) *Map {
	for i := range s.Maps {
		if s.Maps[i].Name == name {
			return &s.Maps[i]
		}
	}
	return nil
}

// AttachPointCount is the number of attach points as written: a wildcard counts as one.
func (s *Script) AttachPointCount() int {
	n := 0
	for _, p := range s.Probes {
		n += len(p.AttachPoints)
	}
	return n
}

// Uses reports whether the script names function anywhere: as a call, or as
// a bare word, which a #define may make a call.
func (s *Script) Uses(function string) bool {
	for _, c := range s.Calls {
		if c.Name == function {
			return true
		}
	}
	for _, id := range s.Identifiers {
		if id.Name == function {
			return true
		}
	}
	return false
}

// OnlyBeginEnd reports whether there are probes and all are BEGIN or END: such
// a script ends by itself from 0.24 on, and waits for a signal before that.
func (s *Script) OnlyBeginEnd() bool {
	for _, p := range s.Probes {
		for _, ap := range p.AttachPoints {
			if ap.Provider != "BEGIN" && ap.Provider != "END" {
				return false
			}
		}
	}
	return len(s.Probes) > 0
}

// MapTruncatedName is the name the kernel gives to a bpftrace map: "AT_" for
// the "@", cut to the kernel's 15 characters. Maps with long names may share it.
func MapTruncatedName(name string) string {
	if len(name) > 0 && name[0] == '@' {
		name = name[1:]
	}
	name = "AT_" + name
	return name[:min(len(name), 15)]
}
