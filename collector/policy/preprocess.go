package policy

import (
	"path"
	"slices"
	"strings"

	"tracecar/parser/script"
)

// preprocessor checks #include, import and all other lines that begin with "#".
func (c *checker) preprocessor() {
	for _, d := range c.s.Includes {
		switch {
		case !c.role.Includes:
			c.deny(d.Start, RuleInclude, "#include is not allowed", "")
		case !kernelHeader(d.Text):
			c.deny(d.Start, RuleInclude, "#include of what is no kernel header", "#include <linux/….h>")
		}
	}
	for _, d := range c.s.Imports {
		if !c.role.Imports {
			c.deny(d.Start, RuleImport, "import is not allowed", "")
		}
	}
	for _, d := range c.s.Directives {
		switch {
		case d.Name == "!" && d.Start.Offset == 0:
		case d.Name == "!" || !slices.Contains(c.role.Directives, d.Name):
			c.deny(d.Start, RuleDirective, "#"+d.Name+" is not allowed", hashed(c.role.Directives))
		case d.Name == "define" && !constantDefine(d.Text):
			c.deny(d.Start, RuleDirective, "#define of more than a constant", "#define NAME 1")
		}
	}
}

func hashed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "#" + strings.Join(names, ", #")
}

// kernelHeader reports whether what follows #include is <linux/….h>.
func kernelHeader(text string) bool {
	name, opens := strings.CutPrefix(text, "<")
	name, closes := strings.CutSuffix(name, ">")
	if !opens || !closes {
		return false
	}
	for i := range len(name) {
		if !letter(name[i]) && !digit(name[i]) && strings.IndexByte("/.-", name[i]) < 0 {
			return false
		}
	}
	return strings.HasPrefix(name, "linux/") && strings.HasSuffix(name, ".h") && path.Clean(name) == name
}

// constantDefine reports whether a #define makes a name of a number or a
// string, and of nothing that a script could hide in.
func constantDefine(text string) bool {
	n := word(text, 0)
	if n == 0 || digit(text[0]) || !constant(text[:n]) || n < len(text) && text[n] != ' ' && text[n] != '\t' {
		return false
	}
	for rest := text[n:]; rest != ""; {
		if b := blank(rest); b != 0 {
			if b < 0 || rest[0] == '/' {
				return false
			}
			rest = rest[b:]
			continue
		}
		t := scan(rest)
		switch {
		case t.kind == kindNumber, t.kind == kindString && len(t.text) > 1:
		case t.kind == kindPunct && strings.Contains("()+-*<>|&~", t.text):
		default:
			return false
		}
		rest = rest[len(t.text):]
	}
	return true
}

// definitions checks macro, fn and C definitions.
func (c *checker) definitions() {
	if !c.role.Macros {
		for _, list := range [][]script.Definition{c.s.Macros, c.s.Functions} {
			for _, d := range list {
				c.deny(d.Start, RuleDefinition, "a definition of "+d.Name+" is not allowed", "")
			}
		}
	}
	for i, t := range c.tokens {
		if t.kind != kindIdent || t.depth > 0 || t.code || i > 0 && !ends(c.tokens[i-1]) {
			continue
		}
		switch t.text {
		case "struct", "union", "enum", "typedef":
			if !c.role.CDefinitions {
				c.denyAt(t.start, RuleDefinition, "a definition of a "+t.text+" is not allowed", "")
			}
		case "macro", "fn", "subprog":
			if !c.role.Macros {
				c.denyAt(t.start, RuleDefinition, t.text+" is not allowed", "")
			}
		}
	}
}

// ends reports whether a definition may follow t.
func ends(t token) bool {
	return t.is("}") || t.is(";") || t.kind != kindPunct && t.kind != kindIdent
}

// config checks the settings of config blocks.
func (c *checker) config() {
	for _, s := range c.s.Config {
		name := strings.TrimPrefix(strings.ToLower(s.Name), "bpftrace_")
		if !slices.Contains(c.role.ConfigKeys, name) {
			c.deny(s.Pos, RuleConfig, "the setting "+s.Name+" is not allowed", strings.Join(c.role.ConfigKeys, ", "))
		}
	}
}
