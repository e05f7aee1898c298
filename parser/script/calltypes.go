package script

// callTypes gives the types of the functions that always return the same.
var callTypes = map[string]Type{
	"str": {Kind: TypeString}, "ksym": {Kind: TypeKernelSymbol}, "usym": {Kind: TypeUserSymbol},
	"buf": {Kind: TypeBuffer}, "ntop": {Kind: TypeInet}, "macaddr": {Kind: TypeMAC},
	"strftime": {Kind: TypeTimestamp}, "cgroup_path": {Kind: TypeCgroupPath},
	"strerror": {Kind: TypeStrerror}, "path": {Kind: TypeString}, "username": {Kind: TypeUsername},
	"probe": {Kind: TypeProbe},
	"kaddr": {Kind: TypeInt, Bits: 64}, "uaddr": {Kind: TypeInt, Bits: 64},
	"cgroupid": {Kind: TypeInt, Bits: 64}, "reg": {Kind: TypeInt, Bits: 64},
	"nsecs": {Kind: TypeInt, Bits: 64}, "strncmp": {Kind: TypeInt, Bits: 64},
	"strcontains": {Kind: TypeBool}, "has_key": {Kind: TypeBool},
	"sizeof": {Kind: TypeInt, Bits: 64}, "offsetof": {Kind: TypeInt, Bits: 64},
	"len": {Kind: TypeInt, Bits: 64}, "strlen": {Kind: TypeInt, Bits: 64},
	"pid": {Kind: TypeInt, Bits: 32}, "tid": {Kind: TypeInt, Bits: 32}, "ppid": {Kind: TypeInt, Bits: 32},
	"socket_cookie": {Kind: TypeInt, Bits: 64}, "percpu_kaddr": {Kind: TypeInt, Bits: 64},
	"pton": {Kind: TypeArray},
	"comm": {Kind: TypeString, Size: 16}, "pcomm": {Kind: TypeString, Size: 16}, "leader_comm": {Kind: TypeString, Size: 16},
	"leader_tid": {Kind: TypeInt, Bits: 32}, "probetype": {Kind: TypeString}, "syscall_name": {Kind: TypeString},
	"is_err": {Kind: TypeBool}, "has_cpid": {Kind: TypeBool}, "find": {Kind: TypeBool}, "delete": {Kind: TypeBool},
	"usermode": {Kind: TypeInt, Bits: 8}, "skboutput": {Kind: TypeInt, Bits: 32},
}

func (in *inference) callType(n *node, b *body) *Type {
	switch n.name {
	case "kstack", "ustack", "dw_ustack":
		kind := TypeKernelStack
		if n.name != "kstack" {
			kind = TypeUserStack
		}
		t := Type{Kind: kind, StackMode: "bpftrace"}
		if len(n.kids) > 0 && n.kids[0].op == opIdent {
			switch mode := n.kids[0].name; mode {
			case "perf", "raw", "bpftrace":
				t.StackMode = mode
			}
		}
		return &t
	case "str", "buf":
		t := callTypes[n.name]
		if len(n.kids) > 1 && n.kids[1].op == opInt {
			if v, ok := parseUint(n.kids[1].name); ok && v < 1<<30 {
				t.Size = int(v)
			}
		}
		return &t
	case "kptr", "uptr":
		if len(n.kids) == 1 {
			return in.infer(n.kids[0], b)
		}
	case "bswap":
		if len(n.kids) == 1 {
			if t := in.infer(n.kids[0], b); t == nil || t.Kind == TypeInt {
				return t
			}
		}
		return &Type{Kind: TypeInt}
	case "getopt":
		if len(n.kids) > 1 {
			return in.infer(n.kids[1], b)
		}
		return &Type{Kind: TypeBool}
	}
	if len(n.kids) == 0 && builtins[n.name] { // cpu() is cpu, from 0.25 on
		return in.identType(n.name, b)
	}
	if t, ok := callTypes[n.name]; ok {
		return &t
	}
	return &Type{}
}
