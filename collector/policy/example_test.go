package policy_test

import (
	"context"
	"fmt"

	"tracecar/collector/policy"
	"tracecar/parser/script"
)

func ExampleCheck() {
	src := `tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } END { cat("/etc/shadow"); }`
	role := policy.Caller()
	role.Functions = policy.Globs{Allow: []string{"count", "print"}}
	d := policy.Check(context.Background(), role, script.Parse(src), policy.Request{}, nil)
	fmt.Println(d.Allowed)
	for _, v := range d.Violations {
		fmt.Println(v)
	}
	// Output:
	// false
	// 1:67: function: cat() is not allowed (allowed: count, print)
}
