// Package charts holds the Helm chart for programs that bring it along.
package charts

import "embed"

// Files holds the chart's folder "kyma-cloudwatch", generated files included.
//
//go:embed all:kyma-cloudwatch
var Files embed.FS
