package stacks

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The picture's measures, in pixels.
const (
	graphWidth  = 1200.0
	margin      = 10.0
	rowHeight   = 17.0
	headHeight  = 52.0
	glyphWidth  = 6.6 // of the 11 px monospace font
	leastWidth  = 0.1 // narrower frames are not drawn
	leastToText = 3   // glyphs
)

// ErrNegative says that values below zero cannot be drawn.
var ErrNegative = errors.New("a flame graph cannot show values below zero; folded text can")

// WriteFlameGraph writes an SVG picture: the root at the bottom, each frame as
// wide as its share of the total, without offsets. Callees stand in the order
// of their names, not of time. It needs no other file and runs no script; a
// frame's title, shown under the mouse, has its whole name and its value.
func (p *Profile) WriteFlameGraph(w io.Writer) error {
	t, err := p.tree()
	if err != nil {
		return err
	}
	g := graph{out: bufio.NewWriter(w), p: p, total: t.value}
	g.height = headHeight + float64(t.depth())*rowHeight + margin
	g.head()
	g.draw(t, 0, 0)
	g.out.WriteString("</svg>\n")
	return g.out.Flush()
}

type graph struct {
	out    *bufio.Writer
	p      *Profile
	total  int64
	height float64
}

func (g *graph) head() {
	fmt.Fprintf(g.out, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11">
<style>rect { stroke: #fff; stroke-width: 0.5 } g:hover rect { stroke: #000 } text { pointer-events: none }</style>
<rect width="100%%" height="100%%" fill="#fff"/>
`, graphWidth, g.height, graphWidth, g.height)
	fmt.Fprintf(g.out, `<text x="%.0f" y="22" font-size="15">%s</text>`+"\n", margin, escape("map "+g.p.Map))
	fmt.Fprintf(g.out, `<text x="%.0f" y="40" fill="#555">%s</text>`+"\n", margin, escape(g.p.subtitle()))
}

// subtitle says what the widths are.
func (p *Profile) subtitle() string {
	parts := []string{p.amount(p.Total)}
	if p.Period > 0 {
		parts = append(parts, "one sample every "+p.Period.String()+" on each CPU")
	}
	if !p.Start.IsZero() {
		parts = append(parts, "since "+p.Start.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if p.Ambiguous > 0 {
		parts = append(parts, strconv.Itoa(p.Ambiguous)+" stacks have ambiguous keys")
	}
	if p.LeftOut > 0 {
		parts = append(parts, strconv.FormatUint(p.LeftOut, 10)+" stacks left out by a limit")
	}
	return strings.Join(parts, ", ")
}

// amount is a value with what it counts.
func (p *Profile) amount(v int64) string {
	if p.Unit == "" {
		return fmt.Sprintf("%s %d", p.Type, v)
	}
	return fmt.Sprintf("%d %s", v, p.Type)
}

// draw draws n, which begins left of what has the value before, and all above it.
func (g *graph) draw(n *node, before int64, level int) {
	if g.total == 0 {
		return
	}
	scale := (graphWidth - 2*margin) / float64(g.total)
	x, width := margin+float64(before)*scale, float64(n.value)*scale
	if width < leastWidth {
		return
	}
	y := g.height - margin - float64(level+1)*rowHeight
	title := fmt.Sprintf("%s (%s, %.2f%%)", n.name, g.p.amount(n.value), 100*float64(n.value)/float64(g.total))
	fmt.Fprintf(g.out, `<g><title>%s</title><rect x="%.2f" y="%.1f" width="%.2f" height="%.1f" rx="1" fill="%s"/>`,
		escape(title), x, y, width, rowHeight-1, n.color())
	if text := cut(n.name, int((width-6)/glyphWidth)); text != "" {
		fmt.Fprintf(g.out, `<text x="%.2f" y="%.1f">%s</text>`, x+3, y+rowHeight-5, escape(text))
	}
	g.out.WriteString("</g>\n")
	for _, c := range n.sorted() {
		g.draw(c, before, level+1)
		before += c.value
	}
}

// cut shortens text to n glyphs, "" where too little would be left.
func cut(text string, n int) string {
	switch {
	case utf8.RuneCountInString(text) <= n:
		return text
	case n < leastToText:
		return ""
	}
	return string([]rune(text)[:n-2]) + ".."
}

// color tells the kernel's frames, the user's and labels apart; within a kind
// it follows from the name, so that a frame looks the same in every picture.
func (n *node) color() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.name)) // never fails
	v := h.Sum32()
	a, b := int(v%40), int(v/40%30)
	switch n.kind {
	case kernelFrame:
		return fmt.Sprintf("rgb(%d,%d,%d)", 225+b, 135+a, 65+b)
	case userFrame:
		return fmt.Sprintf("rgb(%d,%d,%d)", 150+a, 205+b, 110+a)
	}
	return fmt.Sprintf("rgb(%d,%d,%d)", 180+a, 195+b, 220+b)
}

// escape makes text safe to stand in SVG.
func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(printable(text))) // a Buffer takes all
	return b.String()
}
