package script_test

import (
	"fmt"

	"tracecar/parser/script"
)

func Example() {
	s := script.Parse(`
tracepoint:syscalls:sys_enter_openat /pid != 1/ {
	@opens[comm, str(args.filename)] = count();
	printf("%s opened %s\n", comm, str(args.filename));
}`)
	m := s.Map("@opens")
	fmt.Println(s.Probes[0].AttachPoints[0].Text, m.Kind, m.Keys[0].Name, m.Keys[1].Name)

	_, args, ok := script.MatchOutputs(s.Outputs, "my shell opened /etc/hosts\n")
	for _, a := range args {
		fmt.Printf("%v %s=%q\n", ok, a.Name, a.Text)
	}
	_, _, ok = script.MatchOutputs(s.Outputs, "sh opened opened opened x\n") // "sh opened", or "sh"?
	fmt.Println(ok)
	// Output:
	// tracepoint:syscalls:sys_enter_openat count comm filename
	// true comm="my shell"
	// true filename="/etc/hosts"
	// false
}
