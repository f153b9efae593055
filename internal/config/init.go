package config

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// InitAccount is an account that a new configuration begins with.
type InitAccount struct {
	Name   string
	ID     int64
	Host   string
	Token  secrets.Ref
	Tokens []InitToken // those to be rotated
}

// InitToken is a token that gets an entry.
type InitToken struct {
	ID   int64
	Name string // as the service tells it: hostile
	// Ambiguous: another active token of the account has the same name, so the
	// entry has to say the id.
	Ambiguous bool
	Note      string // why it is here, for example when it was created; a comment
	// Never, when it is not empty, is why the token is not to be rotated.
	Never string
}

const initHead = `# Configuration of tokenwarden. It holds no secret: where one is needed it
# says where the secret is. Check it with: tokenwarden config check
accounts:
`

const initTail = `
# What follows is the default; remove the # to change it.
# audit:  { fail_on: medium, unused_for: 90d }
# rotate: { overlap: 24h, quiet: 24h, max: 5 }
# notify: { slack: { token: env://SLACK_BOT_TOKEN, channel: C0123456789 } }
# state: file:///var/lib/tokenwarden/state.json
`

// Init writes a configuration that Load accepts: the accounts, and for each
// token an entry whose destinations are to be filled in, which Unfilled names.
func Init(w io.Writer, accounts []InitAccount) error {
	var b bytes.Buffer
	b.WriteString(initHead)
	for _, a := range accounts {
		token := a.Token
		if token == (secrets.Ref{}) {
			token = secrets.Ref{Scheme: secrets.Env, Path: TokenVariable}
		}
		fmt.Fprintf(&b, "  - name: %s\n    id: %d\n    host: %s\n    token: %s\n",
			scalar(a.Name), a.ID, scalar(a.Host), scalar(token.String()))
		b.WriteString("    # Where a token goes whose entry names no destination:\n")
		b.WriteString("    # store: vault://secret/dbt/{account}/{name}#token\n")
		initTokens(&b, a.Tokens)
	}
	b.WriteString(initTail)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

func initTokens(b *bytes.Buffer, tokens []InitToken) {
	if len(tokens) == 0 {
		b.WriteString("    tokens: []\n")
		return
	}
	carriers := map[string]int{}
	for _, t := range tokens {
		carriers[t.Name]++
	}
	b.WriteString("    tokens:\n")
	for _, t := range tokens {
		if t.Note != "" {
			fmt.Fprintf(b, "      # %s\n", comment(t.Note))
		}
		// A name survives rotation; the id is for where the name does not tell.
		if t.Ambiguous || carriers[t.Name] > 1 || t.Name == "" || tokenValue.MatchString(t.Name) {
			fmt.Fprintf(b, "      - id: %d # %s\n", t.ID, quote(t.Name))
		} else {
			fmt.Fprintf(b, "      - name: %s # id %d\n", scalar(t.Name), t.ID)
		}
		if t.Never != "" {
			fmt.Fprintf(b, "        rotate: never\n        reason: %s\n", scalar(t.Never))
			continue
		}
		b.WriteString("        destinations: [] # fill in, for example [vault://secret/dbt/airflow#token]\n")
	}
}

// comment keeps a text on its line: what is not a printable character is
// escaped, and everything else reads as it was written.
func comment(s string) string {
	var b strings.Builder
	for _, r := range tokenValue.ReplaceAllString(s, "[a token's value]") {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// scalar writes a YAML string. The escapes of strconv.Quote are a part of those
// of YAML's double quotes, once what is not UTF-8, of which Go would escape the
// single bytes, has been replaced.
func scalar(s string) string {
	return strconv.Quote(strings.ToValidUTF8(s, "\ufffd"))
}
