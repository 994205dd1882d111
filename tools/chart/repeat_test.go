package chart_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// own are values of the umbrella chart, another set of subcharts and other texts for each number.
func own(t testing.TB, n int) map[string]any {
	t.Helper()
	values, err := parse(fmt.Appendf(nil, `
global: {clusterName: "c%d", aws: {region: eu-central-1, auth: {secret: {name: aws-credentials}}}}
collector: {enabled: %t, replicas: %d}
pipelines: {enabled: %t}
`, n%60, n%3 > 0, n%5+1, n%3 > 0 && n%4 > 0))
	require.NoError(t, err)
	return values
}

func TestTenThousandRenderingsDoNotGrow(t *testing.T) {
	c, err := chart.Load(umbrella)
	require.NoError(t, err)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // pools keep their content for one collection
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	var half uint64
	first, err := c.Render(own(t, 1), chart.Release{Name: "demo", Namespace: "aws"})
	require.NoError(t, err)
	for n := range 10_000 {
		_, err := c.Render(own(t, n), chart.Release{Name: "demo", Namespace: "aws"})
		require.NoError(t, err)
		if n == 5_000 {
			half = heap()
		}
	}
	grown := int64(heap()) - int64(half)
	t.Logf("%d MiB in use after 5,000 renderings, %d KiB more after 10,000", half>>20, grown>>10)
	assert.Less(t, grown, int64(8<<20))

	again, err := c.Render(own(t, 1), chart.Release{Name: "demo", Namespace: "aws"})
	require.NoError(t, err)
	assert.Equal(t, first, again)
}

func TestRenderingsInParallelAreThoseInTurn(t *testing.T) {
	c, err := chart.Load(umbrella)
	require.NoError(t, err)
	var nastyCharts []*chart.Chart
	for _, at := range nasty(t) {
		c, err := chart.Load(at)
		require.NoError(t, err)
		nastyCharts = append(nastyCharts, c)
	}
	release := chart.Release{Name: "demo", Namespace: "aws"}
	type outcome struct {
		rendered *chart.Rendered
		message  string
	}
	render := func(c *chart.Chart, values map[string]any, r chart.Release) outcome {
		rendered, err := c.Render(values, r)
		return outcome{rendered, fmt.Sprint(err)}
	}
	const variants = 24
	inTurn := make([]outcome, variants)
	for n := range variants {
		inTurn[n] = render(c, own(t, n), release)
	}
	var nastyInTurn []outcome
	for _, c := range nastyCharts {
		nastyInTurn = append(nastyInTurn, render(c, nil, release))
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for n := range variants {
				n = (n + worker*3) % variants
				assert.Equal(t, inTurn[n], render(c, own(t, n), release))
			}
			for i, c := range nastyCharts {
				assert.Equal(t, nastyInTurn[i], render(c, nil, release))
				render(c, nil, chart.Release{Name: "demo", Strict: worker%2 == 0, Lint: true})
			}
		})
	}
	group.Wait()
}
