package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost/process"
	"github.com/caso-project/caso/internal/trust"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// File is the executable of a plugin.
type File struct {
	// Kind and Name are from the name of the file, or from the Instance that has its path.
	Kind pluginv1.Kind
	Name string
	// Path is the file's, Resolved the same without symbolic links.
	Path, Resolved string
	// SHA256 is the checksum of the content in hexadecimal, Size its length in bytes.
	SHA256 string
	Size   int64
	// ShadowedBy is the path of the file of the same kind and name in an earlier directory, which
	// is started instead; "" for none.
	ShadowedBy string
	// Err is the reason why the file cannot be started; nil where it can.
	Err error
}

// List returns every plugin file in the host's directories, and those at the paths of the
// configured instances, with what prevents its start. A file is checked against the checksum of
// each instance that starts it.
func (h *Host) List(configured []config.Instance) []File {
	files := h.pluginFiles()
	for _, instance := range configured {
		if instance.Path != "" && !containsPath(files, instance.Path) {
			files = append(files, File{Kind: instance.Kind, Name: instance.Plugin, Path: instance.Path})
		}
	}
	for i := range files {
		files[i] = h.verifyListed(files[i], configured)
	}
	return files
}

func containsPath(files []File, path string) bool {
	for _, file := range files {
		if file.Path == path {
			return true
		}
	}
	return false
}

func (h *Host) verifyListed(file File, configured []config.Instance) File {
	found, err := openFile(File{Kind: file.Kind, Name: file.Name, Path: file.Path, ShadowedBy: file.ShadowedBy})
	found.Err = err
	if err != nil {
		return found.File
	}
	_ = found.close()
	for _, instance := range configured {
		if path, _ := h.locate(instance); path == file.Path && found.Err == nil {
			found.Err = instanceError(instance, found.checkPin(instance.SHA256))
		}
	}
	return found.File
}

// verifiedFile is a File that is open and was verified.
type verifiedFile struct {
	File
	executable *process.Executable
}

func (f *verifiedFile) close() error { return f.executable.File.Close() }

// ExecutableError is the error of an instance whose executable is missing, not trusted or not the
// pinned one: an error of the installation, as opposed to one of the process.
type ExecutableError struct{ err error }

func (e *ExecutableError) Error() string { return e.err.Error() }
func (e *ExecutableError) Unwrap() error { return e.err }

// openVerified searches for the executable of an instance, opens and verifies it. The result is
// never nil; it is open unless there is an error, an ExecutableError.
func (h *Host) openVerified(instance config.Instance) (*verifiedFile, error) {
	path, err := h.locate(instance)
	file := File{Kind: instance.Kind, Name: instance.Plugin, Path: path}
	if err != nil {
		return &verifiedFile{File: file}, &ExecutableError{err}
	}
	found, err := openFile(file)
	if err != nil {
		return found, &ExecutableError{fmt.Errorf("%s: %w", path, err)}
	}
	if err := found.checkPin(instance.SHA256); err != nil {
		_ = found.close()
		return found, &ExecutableError{fmt.Errorf("%s: %w", path, err)}
	}
	return found, nil
}

// openFile opens a trusted file and fills in checksum and size.
func openFile(file File) (*verifiedFile, error) {
	found := &verifiedFile{File: file}
	opened, resolved, err := openTrusted(file.Path)
	found.Resolved = resolved
	if err != nil {
		return found, err
	}
	found.executable = &process.Executable{File: opened, Path: file.Path, Resolved: resolved}
	if err := found.readContent(); err != nil {
		_ = found.close()
		return found, fmt.Errorf("file cannot be read: %w", trust.Cause(err))
	}
	return found, nil
}

func (f *verifiedFile) readContent() (err error) {
	e := f.executable
	if e.Info, err = e.File.Stat(); err != nil {
		return err
	}
	var start [2]byte
	if n, err := e.File.ReadAt(start[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if n == len(start) {
		e.Script = string(start[:]) == "#!"
	}
	digest := sha256.New()
	if f.Size, err = io.Copy(digest, io.NewSectionReader(e.File, 0, math.MaxInt64)); err != nil {
		return err
	}
	f.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return nil
}

func (f *verifiedFile) checkPin(pin string) error {
	pin = strings.ToLower(strings.TrimSpace(pin))
	if pin == "" || pin == f.SHA256 {
		return nil
	}
	if raw, err := hex.DecodeString(pin); err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("invalid sha256 %q: set 64 hexadecimal digits; the file has %s", pin, f.SHA256)
	}
	return fmt.Errorf("SHA-256 of the file is %s, configured is %s: reinstall the plugin, or correct sha256 if the file was replaced on purpose", f.SHA256, pin)
}
