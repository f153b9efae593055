// Package report writes the result of an audit for people and for programs, one
// file per format.
//
// Every string of a report that came from the API, names above all, is hostile,
// and each format escapes it for where it will be read: a terminal, a browser, a
// spreadsheet, a page that renders Markdown.
package report
