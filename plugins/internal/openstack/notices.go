package openstack

import "sync"

// Notices records which warnings were given, for warnings that are given once per run and not for
// each project or server. It is safe for concurrent use. The zero value is empty.
type Notices struct{ given sync.Map }

// FirstTime reports whether it is called with a key for the first time.
func (n *Notices) FirstTime(key string) bool {
	_, given := n.given.LoadOrStore(key, true)
	return !given
}
