// Package dbtcloudtest is a simulated dbt Cloud Admin API: stateful, and as
// strict as the service is known to be. It serves loopback HTTP (ServeHTTP) and
// requests within the process (RoundTrip), starts no goroutine, and takes its
// clock and its randomness from outside, so that it runs in virtual time.
//
// It shares no code with the client on purpose: a mistake made there must not be
// mirrored here. Each fact says where it comes from: the vendor's OpenAPI file
// ("spec"), a recorded reply or a maintainer's word ("recorded"), what the
// vendor's Terraform provider sends or expects ("provider"), vendor
// documentation ("docs"), or nothing better than a guess ("assumed"). Where the
// service is unknown, Options has a switch for either answer.
package dbtcloudtest
