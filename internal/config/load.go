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
		f := n.fields("accounts", "audit", "rotate", "notify", "state", "metrics", "lock")
		c.Accounts = r.accounts(f.need("accounts"))
		c.Audit = readAudit(f.get("audit"), c.Audit)
		c.Rotate = readRotate(f.get("rotate"), c.Rotate)
		c.Notify = readNotify(f.get("notify"), c.Notify)
		c.State = r.state(f.get("state"), c)
		c.Textfile = readTextfile(f.get("metrics").fields("textfile").get("textfile"))
		c.Lock = readLock(f.get("lock"))
	}
	if err := found.err(path); err != nil {
		return Config{}, err
	}
	return c, nil
}

// state reads where the alert state is kept. That place is written to every
// night, so it must be nothing else's.
func (r reader) state(n node, c Config) secrets.Ref {
	ref, ok := n.ref()
	if !ok {
		return ref
	}
	if !ref.Writable() && ref.Scheme != secrets.File {
		n.problem("%s:// can only be read: state is file:///path or a writable reference", ref.Scheme)
		return ref
	}
	if before, twice := r.places.claim(ref, claim{line: n.line, owner: "the alert state"}); twice {
		n.problem("%s is kept in the same place (line %d): the alert state needs one of its own", before.owner, before.line)
	}
	for _, read := range c.credentials() {
		if read.Scheme != "" && read.Place() == ref.Place() {
			n.problem("a credential is read from the same place: the alert state needs one of its own")
			break
		}
	}
	return ref
}

// credentials are the references that are read to log in somewhere.
func (c Config) credentials() []secrets.Ref {
	all := []secrets.Ref{c.Notify.Heartbeat}
	if c.Notify.Slack != nil {
		all = append(all, c.Notify.Slack.Token, c.Notify.Slack.Webhook)
	}
	for _, a := range c.Accounts {
		all = append(all, a.Token)
	}
	return all
}

func readLock(n node) string {
	path := n.text()
	if path != "" && !filepath.IsAbs(path) {
		n.problem("must be an absolute path: a run in another folder has to find the same lock")
	}
	return path
}

func readTextfile(n node) string {
	path := n.text()
	if path != "" && filepath.Ext(path) != ".prom" {
		n.problem("must end in .prom: the textfile collector of node_exporter reads no other file")
	}
	return path
}
