package mcp

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/mark3labs/mcp-go/mcp"
)

// Library is a collection of scripts that callers may run by name.
type Library interface {
	// Scripts lists them, sorted by name.
	Scripts() []LibraryScript
	// Script returns the text of one for the installed bpftrace, and its
	// positional parameters with defaults filled in. The error is the caller's
	// mistake: no such name, a parameter that is missing.
	Script(ctx context.Context, name string, args []string) (source string, filled []string, err error)
}

// LibraryScript is what callers are told of one script.
type LibraryScript struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Question string `json:"question"`
	// Description says how to read the answer.
	Description string         `json:"description,omitempty"`
	Params      []LibraryParam `json:"params"`
	Maps        []LibraryMap   `json:"maps"`
	Requires    []string       `json:"requires"`
	Cost        string         `json:"cost,omitempty"`
	Mode        string         `json:"mode,omitempty"`
	Tags        []string       `json:"tags"`
}

// LibraryParam is one positional parameter.
type LibraryParam struct {
	Name        string `json:"name"`
	Default     string `json:"default,omitempty"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
}

// LibraryMap is what one map of a script holds.
type LibraryMap struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Unit        string   `json:"unit,omitempty"`
	Keys        []string `json:"keys"`
	Description string   `json:"description"`
}

// libraryPrefix before a name stands for the text of that script.
const libraryPrefix = "@library/"

const libraryURI = "tracecar://library/{name}"

func (s *Server) listScriptsTool() tool {
	return tool{
		name:       "list_scripts",
		title:      "Search the script library",
		describe:   describeListScripts,
		output:     schemaScripts,
		readOnly:   true,
		idempotent: true,
		params: []param{{name: "query", kind: kindText, maxBytes: 200,
			describe: "Words to look for in names, questions, tags and what the maps hold, such as: disk latency. Leave out for all."}},
		call: func(_ context.Context, _ caller, a arguments) *answer {
			found := []LibraryScript{}
			if s.cfg.Library != nil {
				for _, one := range s.cfg.Library.Scripts() {
					if one.matches(strings.Fields(strings.ToLower(a.text("query")))) {
						found = append(found, one)
					}
				}
			}
			return answerWith(map[string]any{"scripts": found, "total": len(found)})
		},
	}
}

// matches tells whether every word stands somewhere in what is told of l.
func (l *LibraryScript) matches(words []string) bool {
	text := l.Name + " " + l.Title + " " + l.Question + " " + l.Description + " " + strings.Join(l.Tags, " ")
	for _, m := range l.Maps {
		text += " " + m.Description
	}
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// scriptName is what a script's name looks like: no path and no pattern, for it
// becomes a file's name.
var scriptName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// resolve replaces @library/NAME by the script of that name.
func (s *Server) resolve(ctx context.Context, source string, args []string) (string, []string, string, error) {
	name, ok := strings.CutPrefix(strings.TrimSpace(source), libraryPrefix)
	if !ok {
		return source, args, "", nil
	}
	if !scriptName.MatchString(name) {
		return "", nil, "", &argumentError{"script", fmt.Sprintf("%q is no name of a script in the library; list_scripts shows what there is", cut(name, 100))}
	}
	if s.cfg.Library == nil {
		return "", nil, "", &argumentError{"script", "this server has no library"}
	}
	text, filled, err := s.cfg.Library.Script(ctx, name, args)
	if err != nil {
		return "", nil, "", &argumentError{"script", err.Error() + "; list_scripts shows what there is"}
	}
	return text, filled, libraryPrefix + name, nil
}

// addLibrary offers each script as a resource.
func (s *Server) addLibrary() {
	if s.cfg.Library == nil {
		return
	}
	s.sdk.AddResourceTemplate(
		sdk.NewResourceTemplate(libraryURI, "script",
			sdk.WithTemplateDescription("The text of one script of the library, with what it answers in its header."),
			sdk.WithTemplateMIMEType("text/plain")),
		func(ctx context.Context, req sdk.ReadResourceRequest) ([]sdk.ResourceContents, error) {
			name := strings.TrimPrefix(req.Params.URI, "tracecar://library/")
			for _, one := range s.cfg.Library.Scripts() {
				if one.Name != name {
					continue
				}
				args := make([]string, 0, len(one.Params))
				for _, p := range one.Params {
					if p.Required {
						args = append(args, "1") // any: only the text is wanted
					}
				}
				text, _, err := s.cfg.Library.Script(ctx, name, args)
				if err != nil {
					return nil, err
				}
				return []sdk.ResourceContents{sdk.TextResourceContents{URI: req.Params.URI, MIMEType: "text/plain", Text: text}}, nil
			}
			return nil, fmt.Errorf("%s: no such script", req.Params.URI)
		})
}
