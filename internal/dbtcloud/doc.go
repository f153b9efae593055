// Package dbtcloud is a client for the part of the dbt Cloud ("dbt platform")
// Admin API that deals with credentials.
//
// The service is described in part only, and its own descriptions differ from
// what it answers. Each field and operation therefore says where the fact comes
// from: the vendor's OpenAPI file ("spec"), a recorded reply ("recorded"), what
// the vendor's Terraform provider sends ("provider"), vendor documentation
// ("docs"), or an assumption ("assumed"), in which case either answer is safe.
//
// Manners: every request has a context, a timeout, a body limit and a
// User-Agent; reads are retried within the context's deadline; writes are never
// retried; redirects to another host are refused; and all requests of one
// credential share a token bucket, because the service's limit is shared with
// the customer's own pipelines.
package dbtcloud
