package script

import (
	"os"
	"testing"
	"testing/fstest"
)

// switchFormat and forkFormat are of Linux 6.18.
const (
	switchFormat = "name: sched_switch\nID: 300\nformat:\n" +
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n" +
		"\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n" +
		"\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n" +
		"\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n\n" +
		"print fmt: \"prev_comm=%s\", REC->prev_comm\n"
	forkFormat = "\tfield:__data_loc char[] parent_comm;\toffset:8;\tsize:4;\tsigned:0;\n" +
		"\tfield:const char * name;\toffset:12;\tsize:8;\tsigned:0;\n" +
		"\tfield:__u8 saddr[4];\toffset:20;\tsize:4;\tsigned:0;\n" +
		"\tfield:__u16 port;\toffset:24;\tsize:2;\tsigned:0;\n"
)

func TestTracepointFields(t *testing.T) {
	fields := TracepointFields(fstest.MapFS{
		"events/s/switch/format": {Data: []byte(switchFormat)},
		"events/s/fork/format":   {Data: []byte(forkFormat)},
	})
	s := ParseWith("t:s:switch { @a[args.prev_comm, args.prev_pid, args.prev_state, args.none] = count(); }\n"+
		"t:s:fork { @b[args->parent_comm, args->name, args->saddr, args->port] = count(); }\n"+
		"t:s:*, t:s:switch { @c[args.prev_comm] = count(); } t:../x:y { @d[args.z] = 1; }", fields)
	want := "@a[prev_comm:string16,prev_pid:int32,prev_state:int64,none:?] count uint64; " +
		"@b[parent_comm:?,name:pointer,saddr:array,port:uint16] count uint64; @c[prev_comm:?] count uint64; @d[z:?] value int64"
	if got := found(s, "maps"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTracepointFieldsLive(t *testing.T) {
	const dir = "/sys/kernel/tracing"
	if _, err := os.Stat(dir + "/events/sched/sched_switch/format"); err != nil {
		t.Skipf("skip: no tracepoints in %s: %v", dir, err)
	}
	s := ParseWith("t:sched:sched_switch { @[args.prev_comm, args.next_pid] = count(); }", TracepointFields(os.DirFS(dir)))
	if got, want := found(s, "maps"), "@[prev_comm:string16,next_pid:int32] count uint64"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
