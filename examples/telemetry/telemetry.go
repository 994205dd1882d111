// Package telemetry holds the captures of this folder for programs that bring them along.
package telemetry

import "embed"

// Files holds traces.jsonl, metrics.jsonl and logs.jsonl.
//
//go:embed *.jsonl
var Files embed.FS
