package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// File is a plugin's executable.
type File struct {
	// Kind and Name are what the file's name says, or the Ref that led to it.
	Kind pluginv1.Kind
	Name string
	// Path is where it was found, Resolved the same without symbolic links.
	Path, Resolved string
	// SHA256 is its content's, in hexadecimal, Size its length in bytes.
	SHA256 string
	Size   int64
	// Err says why it cannot be used; nil where it can.
	Err error
}

// Find looks for a plugin and verifies it, without starting it.
func (h *Host) Find(ref Ref) (File, error) {
	found, err := h.open(ref)
	if err != nil {
		return found.File, err
	}
	return found.File, found.close()
}

// List is every plugin in the host's directories, also those that cannot be used. The first directory
// wins where two hold the same.
func (h *Host) List() []File {
	files := h.entries()
	for i, entry := range files {
		found, err := h.Find(Ref{Kind: entry.Kind, Name: entry.Name, Path: entry.Path})
		files[i] = found
		files[i].Err = err
	}
	return files
}

// executable is a verified file. What was verified is the open file and not its name, so that whatever
// happens to the name afterwards, it is this file that is started.
type executable struct {
	File
	opened *os.File
	info   fs.FileInfo
	script bool
}

func (e *executable) close() error { return e.opened.Close() }

// open finds the executable that a Ref means and verifies it. The executable is never nil; it is open
// only where there is no error.
func (h *Host) open(ref Ref) (*executable, error) {
	found := &executable{File: File{Kind: ref.Kind, Name: ref.Name}}
	path, err := h.locate(ref)
	if err != nil {
		return found, fmt.Errorf("%s: %w", ref, err)
	}
	found.Path = path
	if err := found.open(); err != nil {
		return found, fmt.Errorf("%s: %s: %w", ref, path, err)
	}
	if err := found.checkPin(ref.SHA256); err != nil {
		_ = found.close()
		return found, fmt.Errorf("%s: %s: %w", ref, path, err)
	}
	return found, nil
}

func (e *executable) open() (err error) {
	e.opened, e.Resolved, err = openTrusted(e.Path)
	if err != nil {
		return err
	}
	if err := e.read(); err != nil {
		_ = e.close()
		return fmt.Errorf("it cannot be read: %w", reason(err))
	}
	return nil
}

// read takes what is to be known of the content.
func (e *executable) read() (err error) {
	if e.info, err = e.opened.Stat(); err != nil {
		return err
	}
	var start [2]byte
	if n, err := e.opened.ReadAt(start[:], 0); err != nil && err != io.EOF {
		return err
	} else if n == len(start) {
		e.script = string(start[:]) == "#!"
	}
	digest := sha256.New()
	if e.Size, err = io.Copy(digest, io.NewSectionReader(e.opened, 0, math.MaxInt64)); err != nil {
		return err
	}
	e.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return nil
}

func (e *executable) checkPin(pin string) error {
	pin = strings.ToLower(strings.TrimSpace(pin))
	if pin == "" || pin == e.SHA256 {
		return nil
	}
	if raw, err := hex.DecodeString(pin); err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("sha256 is set to %q, which is not 64 hexadecimal digits; the file's is %s", pin, e.SHA256)
	}
	return fmt.Errorf("its SHA-256 is %s, but sha256 is set to %s: reinstall the plugin, or correct sha256 if it was replaced on purpose", e.SHA256, pin)
}

// unchanged says whether the path still leads to the file that was verified.
func (e *executable) unchanged() bool {
	now, err := os.Lstat(e.Resolved)
	return err == nil && os.SameFile(now, e.info) && now.Size() == e.info.Size() && now.ModTime().Equal(e.info.ModTime())
}
