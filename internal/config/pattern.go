package config

import glob "github.com/ryanuber/go-glob"

// Pattern matches names: * stands for any run of characters, everything else
// for itself. Brackets are not special on purpose: a token in flight is called
// "name [replaces 777 k3xq]", and path.Match would take that for a class.
type Pattern string

// Match reports whether the whole name matches.
func (p Pattern) Match(name string) bool { return glob.Glob(string(p), name) }
