// Package audit finds out what is worth knowing about the credentials of dbt
// Cloud accounts, and says as plainly what it could not find out.
//
// An [Auditor] gathers facts through the interfaces in source.go, account by
// account. The rules are pure: facts in, findings out. Each is declared once, with
// what it needs to see; a need that was not met becomes an outcome in the
// report's coverage and never folds into "fine".
//
// Text that comes from the API, token names first of all, is hostile. Messages
// made here quote it; everything else is carried as it is, and each format of
// package report escapes it for where it goes.
package audit
