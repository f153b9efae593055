package realvault

import (
	"slices"

	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	awsauth "github.com/hashicorp/vault/builtin/credential/aws"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// logins are the ways to log in that the server has besides tokens.
var logins = map[string]logical.Factory{"approle": approle.Factory, "aws": awsauth.Factory, "jwt": jwt.Factory}

// builtins is the catalogue of plugins, cut down to what is tested: Vault's own
// brings a cloud provider's client for each of the others.
type builtins struct{}

func (builtins) find(name string, kind consts.PluginType) logical.Factory {
	switch kind {
	case consts.PluginTypeCredential:
		return logins[name]
	case consts.PluginTypeSecrets:
		if name == "kv" {
			return kv.Factory
		}
	}
	return nil
}

// Contains implements vault.BuiltinRegistry.
func (b builtins) Contains(name string, kind consts.PluginType) bool {
	return b.find(name, kind) != nil
}

// Get implements vault.BuiltinRegistry.
func (b builtins) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory := b.find(name, kind)
	return func() (any, error) { return factory, nil }, factory != nil
}

// Keys implements vault.BuiltinRegistry.
func (b builtins) Keys(kind consts.PluginType) []string {
	return slices.DeleteFunc([]string{"approle", "aws", "jwt", "kv"}, func(name string) bool { return b.find(name, kind) == nil })
}

// DeprecationStatus implements vault.BuiltinRegistry.
func (b builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, b.Contains(name, kind)
}
