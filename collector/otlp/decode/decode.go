package decode

import (
	"fmt"
	"slices"
	"strings"

	"tracecar/parser"
)

// Decoder turns one value into another; it gives the value itself where it
// cannot tell. It is safe for concurrent use.
type Decoder interface {
	Decode(v parser.Value) parser.Value
}

// Func is a function that is a Decoder.
type Func func(v parser.Value) parser.Value

// Decode calls f.
func (f Func) Decode(v parser.Value) parser.Value { return f(v) }

// kind is one kind of decoder.
type kind struct {
	name string
	// args says what the argument is, "" where there is none.
	args string
	make func(arg string) (Decoder, error)
}

func plain(name string, f func(parser.Value) parser.Value) kind {
	return kind{name: name, make: func(string) (Decoder, error) { return Func(f), nil }}
}

// table maps the numbers of a key part to names.
func table(name string, names map[int64]string) kind {
	return plain(name, func(v parser.Value) parser.Value {
		n, ok := integer(v)
		if !ok {
			return v
		}
		if s, ok := names[n]; ok {
			return parser.Text(s)
		}
		return v
	})
}

// fresh is for decoders with a cache: each New has its own.
func fresh(name string, f func() Decoder) kind {
	return kind{name: name, make: func(string) (Decoder, error) { return f(), nil }}
}

// kinds are all decoders; several names may mean the same.
func kinds() []kind {
	return slices.Concat(
		[]kind{
			plain("majorminor", majorMinor),
			plain("errno", errnoName),
			plain("signal", signalName),
			plain("syscall", syscallName),
			fresh("user", newUser), fresh("uid", newUser),
			fresh("group", newGroup), fresh("gid", newGroup),
			fresh("cgroup", newCgroup),
			plain("container", containerOfPath),
			plain("pod", podOfPath),
			fresh("comm", newComm), fresh("pid_container", newPIDContainer), fresh("pid_pod", newPIDPod),
			fresh("ksym", newKsym),
			plain("inet", inet), plain("inet_ip", inet),
			plain("port", port), fresh("service", newService),
			fresh("ifname", newIfname),
			plain("hex", hexadecimal), plain("dec", decimal), plain("uint", unsigned), plain("bool", boolean),
			plain("string", trimmed), plain("dname", dnsName),
			{name: "static_map", args: "from=to,…", make: newStaticMap},
			{name: "regexp", args: "expression", make: newRegexp},
		},
		protocols(),
		pciDecoders(),
	)
}

// New makes the decoder that spec names: "errno", "static_map:0=read,1=write",
// "regexp:^nginx". Several are applied one after the other: "cgroup|pod";
// only the last may then have an argument with a bar in it.
func New(spec string) (Decoder, error) {
	name, arg, hasArg := strings.Cut(spec, ":")
	if first, rest, chained := strings.Cut(name, "|"); chained {
		if hasArg {
			rest += ":" + arg
		}
		return chain(first, rest)
	}
	for _, k := range kinds() {
		if k.name != name {
			continue
		}
		switch {
		case k.args == "" && hasArg:
			return nil, fmt.Errorf("the decoder %s has no argument", name)
		case k.args != "" && arg == "":
			return nil, fmt.Errorf("the decoder %s wants an argument: %s:%s", name, name, k.args)
		}
		return k.make(arg)
	}
	return nil, fmt.Errorf("there is no decoder %q; there are %s", name, strings.Join(Names(), ", "))
}

func chain(first, rest string) (Decoder, error) {
	a, err := New(first)
	if err != nil {
		return nil, err
	}
	b, err := New(rest)
	if err != nil {
		return nil, err
	}
	return Func(func(v parser.Value) parser.Value { return b.Decode(a.Decode(v)) }), nil
}

// Names lists all decoders, sorted.
func Names() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// integer takes a whole number that was printed as such, or as text in base
// 10 or, with 0x, 16.
func integer(v parser.Value) (int64, bool) {
	if n, ok := v.Int64(); ok {
		return n, true
	}
	return parseInteger(v.Text())
}
