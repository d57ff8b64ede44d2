package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// bbolt trusts its pages: a damaged page head can make it loop, allocate too much memory, or
// overwrite live data that counts as free. recover does not help against that, so the pages are
// checked before bbolt reads them. Only heads and keys are read, not the records, so that a full
// outbox opens as fast as an empty one. The values have checksums of their own (codec.go).
//
// The layout is bbolt's file format, version 2, unchanged since 2014: pages of equal size, the
// first two with a meta each; integers in the machine's byte order. A page head is
//
//	own number 8 bytes | flags 2 | count 2 | number of continuation pages 4
//
// and in a tree page one element of 16 bytes for each key follows, then keys and values, without
// gaps.
const (
	pageHead    = 16
	elementSize = 16
	bucketHead  = 16
	metaSize    = 64

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	// noFreelist is the page number of the free list if it is not stored in the file.
	noFreelist = math.MaxUint64
	// manyFree is the count of a long free list, whose length is in its first entry.
	longList = 0xFFFF
)

// checkPages checks position and type of every page that a file's trees refer to. A file without a
// valid meta is left to bbolt, which reports it in more detail.
func checkPages(file io.ReaderAt, size int64) error {
	current, found := newestMeta(file, size)
	if !found {
		return nil
	}
	if current.pages > uint64(size)/current.pageSize { //nolint:gosec // a file size is not negative
		return fmt.Errorf("the file has %d bytes and should have at least %d", size, current.pages*current.pageSize)
	}
	c := &pageCheck{file: file, meta: current, seen: make([]bool, current.pages)}
	if err := c.tree(current.root, nil, nil); err != nil {
		return err
	}
	return c.freelist()
}

// meta is the content of a meta page with a valid checksum.
type meta struct {
	pageSize, root, freelist, pages, transaction uint64
}

// newestMeta returns the meta that bbolt uses.
func newestMeta(file io.ReaderAt, size int64) (newest meta, found bool) {
	take := func(offset int64) {
		if one, ok := readMeta(file, offset); ok && (!found || one.transaction > newest.transaction) {
			newest, found = one, true
		}
	}
	take(0)
	if found {
		take(int64(newest.pageSize)) //nolint:gosec // pageSize was read from 32 bits
		return newest, found
	}
	// Without the first one the page size is unknown.
	for second := int64(1024); second <= 16<<20 && second < size && !found; second *= 2 {
		take(second)
	}
	return newest, found
}

func readMeta(file io.ReaderAt, offset int64) (meta, bool) {
	page := make([]byte, pageHead+metaSize)
	if _, err := file.ReadAt(page, offset); err != nil {
		return meta{}, false
	}
	text := page[pageHead:]
	sum := fnv.New64a()
	_, _ = sum.Write(text[:metaSize-8])
	one := meta{
		pageSize: uint64(binary.NativeEndian.Uint32(text[8:])),
		root:     binary.NativeEndian.Uint64(text[16:]),
		freelist: binary.NativeEndian.Uint64(text[32:]),
		pages:    binary.NativeEndian.Uint64(text[40:]), transaction: binary.NativeEndian.Uint64(text[48:]),
	}
	valid := binary.NativeEndian.Uint32(text) == boltMagic && binary.NativeEndian.Uint32(text[4:]) == boltVersion &&
		binary.NativeEndian.Uint64(text[56:]) == sum.Sum64() && one.pageSize >= 1024
	return one, valid
}

// pageCheck walks through a file. Each page may occur once, so it ends.
type pageCheck struct {
	file io.ReaderAt
	meta meta
	seen []bool
}

// part is a range of the file: a page with its continuation pages, or an inline bucket.
type part struct {
	number       uint64
	offset, size int64
	flags, count uint16
	more         uint32
}

func (c *pageCheck) wrong(number uint64, format string, args ...any) error {
	return fmt.Errorf("page %d "+format, append([]any{number}, args...)...)
}

// open reads a page head and registers its pages as used.
func (c *pageCheck) open(number uint64) (part, error) {
	if number < 2 || number >= c.meta.pages {
		return part{}, c.wrong(number, "does not exist")
	}
	offset := int64(number * c.meta.pageSize) //nolint:gosec // within the file: number < pages
	one, err := c.readHead(offset, math.MaxInt64)
	if err != nil {
		return part{}, err
	}
	if one.number != number {
		return part{}, c.wrong(number, "has the number of page %d", one.number)
	}
	if uint64(one.more) >= c.meta.pages-number {
		return part{}, c.wrong(number, "would reach beyond the end")
	}
	for i := number; i <= number+uint64(one.more); i++ {
		if c.seen[i] {
			return part{}, c.wrong(i, "is used twice")
		}
		c.seen[i] = true
	}
	one.size = (int64(one.more) + 1) * int64(c.meta.pageSize) //nolint:gosec // from 32 bits
	return one, nil
}

func (c *pageCheck) readHead(offset, size int64) (part, error) {
	text, err := c.readRange(offset, pageHead)
	if err != nil {
		return part{}, err
	}
	return part{
		number: binary.NativeEndian.Uint64(text), offset: offset, size: size,
		flags: binary.NativeEndian.Uint16(text[8:]), count: binary.NativeEndian.Uint16(text[10:]), more: binary.NativeEndian.Uint32(text[12:]),
	}, nil
}

func (c *pageCheck) readRange(offset, size int64) ([]byte, error) {
	text := make([]byte, size)
	if _, err := c.file.ReadAt(text, offset); err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	return text, nil
}

// tree checks a page and all pages below it, whose keys are in [low, high); nil for no limit.
func (c *pageCheck) tree(number uint64, low, high []byte) error {
	page, err := c.open(number)
	if err != nil {
		return err
	}
	return c.elements(page, low, high)
}

// element is one key of a page, with its value or the page below it.
type element struct {
	key   []byte
	child uint64
	// The range of a leaf's value.
	offset, size int64
	bucket       bool
}

// elements checks the elements of a page or of an inline bucket, and the pages that they refer to.
func (c *pageCheck) elements(page part, low, high []byte) error {
	if page.flags != branchPage && page.flags != leafPage {
		return c.wrong(page.number, "has no known type (%#x)", page.flags)
	}
	list, err := c.readElements(page)
	if err != nil {
		return err
	}
	for i, one := range list {
		if bytes.Compare(one.key, low) < 0 || i > 0 && bytes.Compare(one.key, list[i-1].key) <= 0 || high != nil && bytes.Compare(one.key, high) >= 0 {
			return c.wrong(page.number, "has unordered keys")
		}
		switch {
		case page.flags == branchPage:
			next := high
			if i+1 < len(list) {
				next = list[i+1].key
			}
			err = c.tree(one.child, one.key, next)
		case one.bucket:
			err = c.bucket(page, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readElements returns a page's elements and keys, which must be contiguous from its start.
func (c *pageCheck) readElements(page part) ([]element, error) {
	heads := int64(page.count) * elementSize
	next := pageHead + heads
	if next > page.size {
		return nil, c.wrong(page.number, "cannot have %d keys", page.count)
	}
	if page.flags == branchPage && page.count == 0 {
		return nil, c.wrong(page.number, "has no children")
	}
	text, err := c.readRange(page.offset+pageHead, heads)
	if err != nil {
		return nil, err
	}
	list := make([]element, page.count)
	for i := range list {
		head := text[i*elementSize:]
		one, place, keySize := &list[i], int64(binary.NativeEndian.Uint32(head)), int64(binary.NativeEndian.Uint32(head[4:]))
		if page.flags == branchPage {
			one.child = binary.NativeEndian.Uint64(head[8:])
		} else {
			flags := binary.NativeEndian.Uint32(head)
			if flags > bucketLeaf {
				return nil, c.wrong(page.number, "has a value of no known type (%#x)", flags)
			}
			one.bucket = flags == bucketLeaf
			place, keySize = keySize, int64(binary.NativeEndian.Uint32(head[8:]))
			one.size = int64(binary.NativeEndian.Uint32(head[12:]))
		}
		if pageHead+int64(i)*elementSize+place != next || keySize > page.size-next || one.size > page.size-next-keySize {
			return nil, c.wrong(page.number, "has a key or value out of its place")
		}
		if one.key, err = c.readRange(page.offset+next, keySize); err != nil {
			return nil, err
		}
		one.offset = page.offset + next + keySize
		next += keySize + one.size
	}
	return list, nil
}

// bucket checks a bucket, which has a page of its own or is inline in its value.
func (c *pageCheck) bucket(page part, one element) error {
	if one.size < bucketHead {
		return c.wrong(page.number, "has a bucket that was cut off")
	}
	text, err := c.readRange(one.offset, bucketHead)
	if err != nil {
		return err
	}
	if root := binary.NativeEndian.Uint64(text); root != 0 {
		return c.tree(root, nil, nil)
	}
	if one.size < bucketHead+pageHead {
		return c.wrong(page.number, "has a bucket that was cut off")
	}
	small, err := c.readHead(one.offset+bucketHead, one.size-bucketHead)
	if err != nil {
		return err
	}
	if small.number != 0 || small.more != 0 || small.flags != leafPage {
		return c.wrong(page.number, "has a small bucket that is none")
	}
	small.number = page.number
	return c.elements(small, nil, nil)
}

// freelist checks that every free page exists and that no tree refers to it.
func (c *pageCheck) freelist() error {
	if c.meta.freelist == noFreelist {
		return nil
	}
	page, err := c.open(c.meta.freelist)
	if err != nil {
		return err
	}
	if page.flags != freelistPage {
		return c.wrong(page.number, "is not a list of free pages (%#x)", page.flags)
	}
	first, count := int64(pageHead), uint64(page.count)
	if count == longList {
		text, err := c.readRange(page.offset+first, 8)
		if err != nil {
			return err
		}
		first, count = first+8, binary.NativeEndian.Uint64(text)
	}
	length := int64(count) * 8 //nolint:gosec // compared with the number of pages below
	if count > c.meta.pages || first+length > page.size {
		return c.wrong(page.number, "cannot list %d free pages", count)
	}
	text, err := c.readRange(page.offset+first, length)
	if err != nil {
		return err
	}
	for ; len(text) > 0; text = text[8:] {
		number := binary.NativeEndian.Uint64(text)
		if number < 2 || number >= c.meta.pages {
			return c.wrong(number, "is listed as free and does not exist")
		}
		if c.seen[number] {
			return c.wrong(number, "is listed as free and is in use")
		}
		c.seen[number] = true
	}
	return nil
}
