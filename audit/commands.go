package audit

import (
	"fmt"
	"strings"
)

// rotate is the remedy for a token that should be replaced, as a command to
// paste. It names the token by its id: names are text from outside.
func (f *Facts) rotate(tokenID int64) string {
	return fmt.Sprintf("tokenwarden rotate%s --token-id %d", f.accountFlag(), tokenID)
}

// accountFlag selects the account in a command, when it has a name.
func (f *Facts) accountFlag() string {
	if f.Account == "" {
		return ""
	}
	return " --account " + ShellWord(f.Account)
}

// ShellWord quotes a word for a POSIX shell, unless it needs none.
func ShellWord(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:", r)
	}) < 0
	if plain && !strings.HasPrefix(s, "-") && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
