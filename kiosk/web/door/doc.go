// Package door is what stands in front of every page of the kiosk: the patient
// page, the board and the desk.
//
// It promises that
//   - a path that is not in a gate's table does not exist, and each has exactly
//     one method;
//   - a request is looked at in the order Host, path, method, query, fetch
//     metadata and origin, pass; the first check that fails answers, with the
//     status's own words and nothing of the request;
//   - every answer carries the same strict headers, errors included;
//   - connections, header sizes and times are bounded, and a stream whose reader
//     stopped reading ends.
//
// It refuses to know what the pages show and who may see it: a page brings its
// table of routes and tells who holds its pass.
//
//	request --> Host --> path, method --> fetch metadata, Origin --> pass --> Serve
//
// It keeps nothing, so a crash changes nothing.
package door
