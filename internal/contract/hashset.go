package contract

import "hash/maphash"

// hashSet is a set of texts of which it stores a 64-bit hash each, so that a window of a million
// records costs a few bytes a record, which the garbage collector does not scan. Two of a million
// texts have the same hash in one of 37 million windows, which then fails; the next attempt has
// another seed.
type hashSet struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newHashSet() hashSet { return hashSet{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}} }

func (s hashSet) hash(text string) uint64 { return maphash.String(s.seed, text) }

// add adds a text, and reports false if it is in the set already.
func (s hashSet) add(text string) bool {
	before := len(s.hashes)
	s.hashes[s.hash(text)] = struct{}{}
	return len(s.hashes) > before
}
