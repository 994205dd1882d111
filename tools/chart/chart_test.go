package chart_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/charts"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

const values = `
global:
  aws:
    region: eu-central-1
    auth: {secret: {name: aws-credentials}}
`

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	return name
}

func TestTheEmbeddedChartRendersAsItsFolder(t *testing.T) {
	embedded, err := chart.LoadFS(charts.Files, "kyma-cloudwatch")
	require.NoError(t, err)
	folder, err := chart.Load("../../charts/kyma-cloudwatch")
	require.NoError(t, err)
	vals, err := chart.Values([]string{write(t, values)}, nil)
	require.NoError(t, err)
	release := chart.Release{Name: "demo", Namespace: "aws"}
	one, err := embedded.Render(vals, release)
	require.NoError(t, err)
	two, err := folder.Render(vals, release)
	require.NoError(t, err)
	assert.Equal(t, two, one)
	assert.Contains(t, one.Notes, "in region eu-central-1.")
}

func TestObjectsAreTyped(t *testing.T) {
	c, err := chart.Load("../../charts/kyma-cloudwatch")
	require.NoError(t, err)
	vals, err := chart.Values([]string{write(t, values)}, []string{"collector.replicas=3"})
	require.NoError(t, err)
	rendered, err := c.Render(vals, chart.Release{Name: "demo", Namespace: "aws"})
	require.NoError(t, err)
	objects, err := rendered.Objects()
	require.NoError(t, err)
	var statefulSet appsv1.StatefulSet
	for _, object := range objects {
		if object.Kind() == "StatefulSet" {
			assert.Equal(t, "demo-kyma-cloudwatch-collector", object.Name())
			require.NoError(t, object.Decode(&statefulSet))
		}
	}
	require.NotNil(t, statefulSet.Spec.Replicas)
	assert.EqualValues(t, 3, *statefulSet.Spec.Replicas)

	assert.ErrorContains(t, chart.Object{"kind": "StatefulSet", "metadata": map[string]any{"name": "x"}, "spce": 1}.Decode(&statefulSet), `StatefulSet x: `)
}

func TestManyRenderingsDoNotDisturbEachOther(t *testing.T) {
	c, err := chart.Load("../../charts/kyma-cloudwatch")
	require.NoError(t, err)
	file := write(t, values)
	manifests := make([]string, 8)
	var group sync.WaitGroup
	for i := range manifests {
		group.Go(func() {
			vals, err := chart.Values([]string{file}, nil)
			if !assert.NoError(t, err) {
				return
			}
			rendered, err := c.Render(vals, chart.Release{Name: "demo", Namespace: "aws"})
			if assert.NoError(t, err) {
				manifests[i] = rendered.Manifest
			}
		})
	}
	group.Wait()
	for _, manifest := range manifests {
		assert.Equal(t, manifests[0], manifest)
	}
}

func TestWhatIsNoChartIsRefused(t *testing.T) {
	_, err := chart.Load(filepath.Join(t.TempDir(), "gone"))
	require.ErrorContains(t, err, "no chart at")
	_, err = chart.Load(t.TempDir())
	require.ErrorContains(t, err, "not a chart")
	_, err = chart.Load(write(t, "x: 1"))
	require.ErrorContains(t, err, "is not a packaged chart")
}

func TestHelmsErrorsArePassedOn(t *testing.T) {
	c, err := chart.Load("../../charts/kyma-cloudwatch")
	require.NoError(t, err)
	vals, err := chart.Values([]string{write(t, values)}, []string{"collector.replicas=many"})
	require.NoError(t, err)
	_, err = c.Render(vals, chart.Release{Name: "demo", Namespace: "aws"})
	require.ErrorContains(t, err, "at '/collector/replicas'")

	_, err = c.Render(map[string]any{}, chart.Release{Name: "demo", Namespace: "aws"})
	require.ErrorContains(t, err, "global.aws.region is missing")

	_, err = c.Render(map[string]any{}, chart.Release{Name: "demo", Namespace: "aws", KubeVersion: "new"})
	require.ErrorContains(t, err, `version "new" of Kubernetes`)
}
