package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// screen shows blocks of lines: in place on a terminal, one after the other
// elsewhere.
type screen struct {
	out      io.Writer
	terminal *os.File // nil: none
	drawn    int      // lines of the last block that the cursor stands below
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok && isTerminal(f) {
		s.terminal = f
	}
	return s
}

func (s *screen) interval() time.Duration {
	if s.terminal != nil {
		return time.Second
	}
	return 5 * time.Second
}

// show writes a block. On a terminal it takes the place of the one before,
// and is cut to what fits: lines that wrapped or scrolled away could not be
// taken back.
func (s *screen) show(lines []string) error {
	var b strings.Builder
	if s.terminal != nil {
		width, height := s.size()
		lines = fit(lines, width, height)
		if s.drawn > 0 {
			// A window made lower since then holds no more than its height.
			fmt.Fprintf(&b, "\r\x1b[%dA", min(s.drawn, height-1))
		}
		s.drawn = len(lines)
	}
	for _, line := range lines {
		b.WriteString(line)
		if s.terminal != nil {
			b.WriteString("\x1b[K") // what is left of the line before
		}
		b.WriteString("\n")
	}
	if s.terminal != nil {
		b.WriteString("\x1b[J")
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

// size is that of the terminal now: 80 by 24 where it does not say.
func (s *screen) size() (width, height int) {
	ws, err := unix.IoctlGetWinsize(int(s.terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Col == 0 || ws.Row == 0 {
		return 80, 24
	}
	return int(ws.Col), int(ws.Row)
}

// fit cuts lines to width, and to one less than height, saying how many are
// missing. The last line is left to the cursor.
func fit(lines []string, width, height int) []string {
	most := max(height-1, 1)
	if len(lines) > most {
		cut := len(lines) - most + 1
		lines = append(lines[:most-1:most-1], fmt.Sprintf("… %d more lines: the window is too low", cut))
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		line = strings.ReplaceAll(line, "\t", " ")
		if utf8.RuneCountInString(line) > width {
			line = string([]rune(line)[:max(width-1, 0)]) + "…"
		}
		out[i] = line
	}
	return out
}
