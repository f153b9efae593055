package config

import (
	"path/filepath"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Load reads the configuration data, which came from the file path. The error
// is an *Error with everything that is wrong.
func Load(path string, data []byte) (Config, error) {
	found := &problems{}
	c := Default()
	c.Path = path
	if root := parse(data, found); root != nil {
		r := reader{first: map[string]claim{}, places: places[claim]{}}
		n := node{ast: root, line: 1, found: found}
		f := n.fields("accounts", "audit", "rotate", "notify", "state", "metrics")
		c.Accounts = r.accounts(f.need("accounts"))
		c.Audit = readAudit(f.get("audit"), c.Audit)
		c.Rotate = readRotate(f.get("rotate"), c.Rotate)
		c.Notify = readNotify(f.get("notify"), c.Notify)
		c.State = readState(f.get("state"))
		c.Textfile = readTextfile(f.get("metrics").fields("textfile").get("textfile"))
	}
	if err := found.err(path); err != nil {
		return Config{}, err
	}
	return c, nil
}

func readState(n node) secrets.Ref {
	ref, ok := n.ref()
	if ok && !ref.Writable() && ref.Scheme != secrets.File {
		n.problem("%s:// can only be read: state is file:///path or a writable reference", ref.Scheme)
	}
	return ref
}

func readTextfile(n node) string {
	path := n.text()
	if path != "" && filepath.Ext(path) != ".prom" {
		n.problem("must end in .prom: the textfile collector of node_exporter reads no other file")
	}
	return path
}
