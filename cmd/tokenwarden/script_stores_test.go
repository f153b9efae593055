package main

import (
	"net/http/httptest"

	"github.com/hashicorp/vault/api"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// cmdVault starts a Vault and sets the variables that its own clients read.
func cmdVault(ts *testscript.TestScript, _ bool, _ []string) {
	vault := vaulttest.New()
	server := httptest.NewServer(vault)
	ts.Defer(server.Close)
	s := scriptOf(ts)
	s.markers = append(s.markers, vault.Admin().Token)
	ts.Setenv("VAULT_ADDR", server.URL)
	ts.Setenv("VAULT_TOKEN", vault.Admin().Token)
}

// cmdVaultToken sets a variable to a token of Vault's with one policy, in HCL.
func cmdVaultToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: vaulttoken VARIABLE policy.hcl")
	}
	s := scriptOf(ts)
	client, err := api.NewClient(&api.Config{Address: ts.Getenv("VAULT_ADDR")})
	ts.Check(err)
	client.SetToken(ts.Getenv("VAULT_TOKEN"))
	ts.Check(client.Sys().PutPolicy(args[1], ts.ReadFile(args[1])))
	made, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{args[1]}})
	ts.Check(err)
	s.markers = append(s.markers, made.Auth.ClientToken)
	ts.Setenv(args[0], made.Auth.ClientToken)
}

// cmdAWS starts an AWS Secrets Manager that knows one access key, and sets the
// variables that AWS's own clients read.
func cmdAWS(ts *testscript.TestScript, _ bool, _ []string) {
	s := scriptOf(ts)
	const id, secret = "AKIDEXAMPLE", "wJalrXUtnFEMIexampleexample"
	s.markers = append(s.markers, secret)
	s.aws = &awstest.Server{AccessKeys: []string{id}}
	server := httptest.NewServer(s.aws)
	ts.Defer(server.Close)
	ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	ts.Setenv("AWS_REGION", awstest.DefaultRegion)
	ts.Setenv("AWS_ACCESS_KEY_ID", id)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	ts.Setenv("AWS_EC2_METADATA_DISABLED", "true") // or a missing key is looked for on the network
}

// cmdAWSPolicy makes a policy of IAM's all that the access key may do.
func cmdAWSPolicy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: awspolicy policy.json")
	}
	ts.Check(scriptOf(ts).aws.Attach([]byte(ts.ReadFile(args[0]))))
}

// cmdAWSDelete schedules a secret for deletion, as a person would.
func cmdAWSDelete(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: awsdelete NAME")
	}
	scriptOf(ts).aws.Schedule(args[0])
}
