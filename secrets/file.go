package secrets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// MaxFileSize is the largest mounted secret that is read, in bytes: what AWS
// Secrets Manager and a Kubernetes secret key comfortably hold. A larger file
// is most likely the wrong one.
const MaxFileSize = 64 << 10

// ReadFile returns the secret that a file:// reference names: the whole file
// without one trailing newline (\n or \r\n), which editors and `echo` add.
//
// Errors wrap those of package os (fs.ErrNotExist, fs.ErrPermission); a folder,
// an empty file and one above MaxFileSize are errors too.
func ReadFile(ref Ref) (Value, error) {
	v, err := readFile(ref)
	if err != nil {
		// The path is in the reference; once is enough.
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err
		}
		return Value{}, &Error{Op: "reading", Ref: ref, Err: err}
	}
	return v, nil
}

func readFile(ref Ref) (Value, error) {
	if ref.Scheme != File {
		return Value{}, errors.New("not a file:// reference")
	}
	f, err := os.Open(ref.Path)
	if err != nil {
		return Value{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return Value{}, err
	} else if info.IsDir() {
		return Value{}, errors.New("it is a folder; the reference must name the file in it")
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return Value{}, err
	}
	if len(b) > MaxFileSize {
		return Value{}, fmt.Errorf("the file is larger than %d bytes, so it is hardly a secret", MaxFileSize)
	}
	s := strings.TrimSuffix(string(b), "\n")
	if len(s) < len(b) {
		s = strings.TrimSuffix(s, "\r")
	}
	if s == "" {
		return Value{}, errors.New("the file is empty")
	}
	return NewValue(s), nil
}
