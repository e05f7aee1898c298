package otlp

import (
	"fmt"

	"tracecar/parser/script"
)

// sumOf finds the map that is the sum of the histogram made of the map called
// name, "" for none: the declared one, where it can be. One that cannot, of
// which Mistakes tells, would be a made-up sum.
func sumOf(parsed *script.Script, declared map[string]Metric, name string) string {
	sum := declared[name].Sum
	if sum == "" || parsed == nil || declared[name].Drop {
		return ""
	}
	owner, partner := parsed.Map(name), parsed.Map(sum)
	if owner == nil || partner == nil || !bucketed(owner.Kind) || partner.Kind != script.KindSum || unlikeKeys(owner, partner) {
		return ""
	}
	return sum
}

// ownerOf finds the map whose histogram takes the one called name for its sum,
// "" for none.
func ownerOf(parsed *script.Script, declared map[string]Metric, name string) string {
	for owner := range declared {
		if name != owner && sumOf(parsed, declared, owner) == name {
			return owner
		}
	}
	return ""
}

func bucketed(kind script.MapKind) bool { return kind == script.KindHist || kind == script.KindLhist }

// unlikeKeys tells whether the keys of two maps differ in number, so that no
// row of one is that of the other.
func unlikeKeys(a, b *script.Map) bool {
	return !a.KeyUnclear && !b.KeyUnclear && len(a.Keys) != len(b.Keys)
}

// sum checks the map that is declared as the sum of another.
func (c *mistakes) sum(key string, owner *script.Map, name string) {
	partner := c.parsed.Map(name)
	switch {
	case partner == nil:
		c.fail(key, "the script has no map "+name, "it has "+c.mapNames())
	case told(owner) && !bucketed(owner.Kind):
		c.fail(key, fmt.Sprintf("%s is %s, and only a hist() or lhist() takes its sum from another map", owner.Name, filledBy(owner)), "")
	case told(partner) && partner.Kind != script.KindSum:
		c.fail(key, fmt.Sprintf("%s is %s, and no sum()", name, filledBy(partner)), "")
	case told(owner) && told(partner) && unlikeKeys(owner, partner):
		c.fail(key, fmt.Sprintf("the key of %s has %s, that of %s %s", owner.Name, parts(len(owner.Keys)), name, parts(len(partner.Keys))),
			fmt.Sprintf("give %s the key of %s", name, owner.Name))
	}
}

// kind checks what is declared against what fills the map.
func (c *mistakes) kind(key string, sm *script.Map, m *Metric) {
	if !told(sm) {
		return
	}
	histogram := bucketed(sm.Kind) || sm.Kind == script.KindStats
	switch {
	case m.Type == "histogram" && !histogram:
		c.fail(key+".type", fmt.Sprintf("%s is %s, and no histogram", sm.Name, filledBy(sm)), "hist(), lhist() and stats() make one")
	case m.Type != "" && m.Type != "histogram" && histogram:
		c.fail(key+".type", fmt.Sprintf("%s is %s: a histogram, and no %s", sm.Name, filledBy(sm), m.Type), "leave type out")
	case m.Type != "" && m.Type != "gauge" && sm.Kind == script.KindTSeries:
		c.fail(key+".type", fmt.Sprintf("%s is a tseries(): a gauge, and no %s", sm.Name, m.Type), "leave type out")
	}
	if !m.Exponential {
		return
	}
	switch {
	case sm.Kind != script.KindHist:
		c.fail(key+".buckets", fmt.Sprintf("%s is %s, and only a hist() has exponential buckets", sm.Name, filledBy(sm)), "")
	case !newLadder(string(sm.Kind), sm).octaves:
		c.fail(key+".buckets", "the bounds of a hist() with several buckets per power of two are not exponential", "buckets: explicit has them exactly")
	case m.Scale != 0 && m.Scale != 1:
		c.fail(key+".buckets", "with value_scale the bounds are not exponential", "keep one of both")
	}
}

// told says whether the script tells what fills a map.
func told(sm *script.Map) bool { return sm.Kind != script.KindUnknown && len(sm.Assigns) > 0 }

// filledBy names what fills a map.
func filledBy(sm *script.Map) string {
	if sm.Kind == script.KindValue {
		return "a plain value"
	}
	return "a " + string(sm.Kind) + "()"
}
