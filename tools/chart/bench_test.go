package chart_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// BenchmarkRender renders the umbrella chart as one does that tests it: loaded once.
func BenchmarkRender(b *testing.B) {
	c, err := chart.Load("../../charts/kyma-cloudwatch")
	require.NoError(b, err)
	vals, err := chart.Values([]string{"../../examples/quickstart/values.yaml"}, nil)
	require.NoError(b, err)
	release := chart.Release{Name: "demo", Namespace: "aws"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Render(vals, release); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHelmSDK renders the same by Helm's SDK, which has to load the chart each time.
func BenchmarkHelmSDK(b *testing.B) {
	j, err := newJudge("../../charts/kyma-cloudwatch")
	require.NoError(b, err)
	vals, err := chart.Values([]string{"../../examples/quickstart/values.yaml"}, nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.render(vals, chart.Release{Name: "demo", Namespace: "aws"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCoverage renders the same and records what is reached.
func BenchmarkCoverage(b *testing.B) {
	c, err := chart.Load("../../charts/kyma-cloudwatch")
	require.NoError(b, err)
	vals, err := chart.Values([]string{"../../examples/quickstart/values.yaml"}, nil)
	require.NoError(b, err)
	coverage := chart.NewCoverage(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := coverage.Render(vals, chart.Release{Name: "demo", Namespace: "aws"}, "bench"); err != nil {
			b.Fatal(err)
		}
	}
}
