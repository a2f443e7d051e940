// Package metrics writes numbers about the service in Prometheus' text format and
// answers whether it is well, on loopback.
//
// It promises the format of version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/): HELP and TYPE
// once before the samples of a name, escaped labels, cumulative buckets that end
// with +Inf. It promises that no label can hold anything about a person, or
// anything that was not thought of: a label's value is one of a [Set] that was
// listed when the program was written or the config read, and every other word is
// "other".
//
// It refuses names without HELP, other hosts than this machine's own names (a web
// page elsewhere could otherwise read through a browser here), and everything but
// GET. It shows of a check its id and state only: who may see its words asks
// `clinicgate doctor`.
//
//	GET /metrics ─▶ collect(*Page) ─▶ text
//	GET /health ─▶ checks ─▶ 200 {"state":"ok"...} | 503 {"state":"fail"...}
//	GET /health/live ─▶ 200 while the process answers
//
// Nothing is kept over a restart: counters begin at 0, as Prometheus expects.
package metrics
