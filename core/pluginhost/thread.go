package pluginhost

import "runtime"

// thread is an operating system thread of its own, from which plugins are started: the kernel sends a
// plugin its parent-death signal when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG), and
// Go ends threads as it likes.
type thread struct {
	work chan func()
}

func newThread() *thread {
	t := &thread{work: make(chan func())}
	go func() {
		// Never unlocked, so that the thread ends with this function.
		runtime.LockOSThread()
		for call := range t.work {
			call()
		}
	}()
	return t
}

// do runs a function on the thread and waits for it.
func (t *thread) do(call func()) {
	done := make(chan struct{})
	t.work <- func() {
		defer close(done)
		call()
	}
	<-done
}

// end ends the thread, and with it every plugin that was started from it.
func (t *thread) end() { close(t.work) }
