package process

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// TestCause has the output of real crashes, shortened.
func TestCause(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, output, cause string }{
		{"no output", "", ""},
		{"text", "loading\ncannot find the licence\n", "cannot find the licence"},
		{"Go panic", `
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f1a1]

goroutine 1 [running]:
main.main()
	/src/main.go:7 +0x21
exit status 2
`, "panic: runtime error: invalid memory address or nil pointer dereference"},
		{"Go panic after an error", `
{"@level":"error","@message":"broken"}
panic: first [recovered]
	panic: second

goroutine 18 [running]:
`, "panic: first [recovered]"},
		{"Go fatal error", `
fatal error: all goroutines are asleep - deadlock!

goroutine 1 [select (no cases)]:
main.main()
`, "fatal error: all goroutines are asleep - deadlock!"},
		{"Go stack overflow", `
runtime: goroutine stack exceeds 1000000000-byte limit
runtime: sp=0xc0200e0390 stack=[0xc0200e0000, 0xc0400e0000]
fatal error: stack overflow

runtime stack:
`, "fatal error: stack overflow"},
		{"Go signal with registers", `
starting
SIGABRT: abort
PC=0x46c2c1 m=0 sigcode=0

goroutine 0 gp=0x54a0e0 m=0 mp=0x54ad20 [idle]:
runtime.futex(0x54ae60, 0x80, 0x0, 0x0, 0x0, 0x0)
	/go/src/runtime/sys_linux_amd64.s:558 +0x21

rax    0xca
rip    0x46c2c1
gs     0x0
`, "SIGABRT: abort"},
		{"registers alone", "segfault in libfoo\nrax    0xca\nrip    0x46c2c1\n", "segfault in libfoo"},
		{"recovered Go panic", `
cannot read the certificate
goroutine 34 [running]:
runtime/debug.Stack()
	/go/src/runtime/debug/stack.go:26 +0x5e
main.main()
	/src/main.go:7 +0x21

exit status 1
`, "cannot read the certificate"},
		{"error entry before other output", `
{"@level":"error","@message":"cannot bind: address in use"}
{"@level":"info","@message":"bye"}
stopped
`, "cannot bind: address in use"},
		{"error line of another format", `
2026-11-24 03:00:01,123 ERROR ssm: no certificate
2026-11-24 03:00:01,125 INFO ssm: shutting down
exit status 1
`, "2026-11-24 03:00:01,123 ERROR ssm: no certificate"},
		{"error line", "error: unknown flag --x\nUsage: plugin [flags]\n", "error: unknown flag --x"},
		{"Python", `
Traceback (most recent call last):
  File "/usr/lib/plugin.py", line 3, in <module>
    main()
    ~~~~^^
  File "/usr/lib/plugin.py", line 2, in main
    raise ValueError("no site name")
ValueError: no site name
`, "ValueError: no site name"},
		{"Python, chained", `
Traceback (most recent call last):
  File "p.py", line 2, in <module>
    {}["site"]
KeyError: 'site'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "p.py", line 4, in <module>
    raise SystemError("bad configuration")
SystemError: bad configuration
`, "SystemError: bad configuration"},
		{"Python, without a message", "Traceback (most recent call last):\n  File \"p.py\", line 1\nKeyboardInterrupt\n", "KeyboardInterrupt"},
		{"Python syntax", "  File \"p.py\", line 1\n    foo(\n       ^\nSyntaxError: '(' was never closed\n", "SyntaxError: '(' was never closed"},
		{"Rust", `
thread 'main' panicked at src/main.rs:2:5:
no site name
note: run with ` + "`RUST_BACKTRACE=1`" + ` environment variable to display a backtrace
`, "thread 'main' panicked at src/main.rs:2:5: no site name"},
		{"Rust, before 1.73", "thread 'main' panicked at 'no site name', src/main.rs:2:5\nstack backtrace:\n",
			"thread 'main' panicked at 'no site name', src/main.rs:2:5"},
		{"C++", "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no site name\n", "what():  no site name"},
		{"Node", `
/srv/plugin.js:1
throw new Error("no site name")
^

Error: no site name
    at Object.<anonymous> (/srv/plugin.js:1:7)

Node.js v20.19.2
`, "Error: no site name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			output, _ := newTestOutput(hclog.Info)
			stream := output.Lines()
			if _, err := stream.Write([]byte(strings.TrimPrefix(test.output, "\n"))); err != nil {
				t.Fatal(err)
			}
			stream.Flush()
			if got := output.Cause(); got != test.cause {
				t.Errorf("the cause is %q and should be %q", got, test.cause)
			}
		})
	}
}
