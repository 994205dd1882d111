package schema_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helm4common "helm.sh/helm/v4/pkg/chart/common"
	helm4values "helm.sh/helm/v4/pkg/chart/common/util"
	helm4loader "helm.sh/helm/v4/pkg/chart/v2/loader"
	helm4chart "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/schema"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

// helms judge a chart with a user's values the way each Helm does on install: dependencies
// switched, defaults coalesced, then the schemas of the chart and its subcharts applied.
var helms = map[string]func(t *testing.T, dir, userValues string) error{
	"Helm 3": func(t *testing.T, dir, userValues string) error {
		chart, err := loader.Load(dir)
		require.NoError(t, err)
		user, err := chartutil.ReadValues([]byte(userValues))
		require.NoError(t, err)
		require.NoError(t, chartutil.ProcessDependenciesWithMerge(chart, user))
		_, err = chartutil.ToRenderValues(chart, user, chartutil.ReleaseOptions{Name: "r", Namespace: "n"}, nil)
		return err
	},
	"Helm 4": func(t *testing.T, dir, userValues string) error {
		chart, err := helm4loader.Load(dir)
		require.NoError(t, err)
		user, err := helm4common.ReadValues([]byte(userValues))
		require.NoError(t, err)
		require.NoError(t, helm4chart.ProcessDependencies(chart, user))
		_, err = helm4values.ToRenderValues(chart, user, helm4common.ReleaseOptions{Name: "r", Namespace: "n"}, nil)
		return err
	},
}

// chartWith writes a chart of the given files, generates its schemas and returns its folder. A
// Chart.yaml that is not given names the chart after its folder.
func chartWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if files["Chart.yaml"] == "" {
		write(t, filepath.Join(dir, "Chart.yaml"), "{apiVersion: v2, name: shop, version: 0.1.0}")
	}
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	chart, err := values.Load(dir)
	require.NoError(t, err)
	for _, c := range chart.All() {
		content, err := schema.Generate(c)
		require.NoError(t, err)
		write(t, filepath.Join(c.Dir, "values.schema.json"), string(content))
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// requireTaken proves that every Helm takes the values.
func requireTaken(t *testing.T, dir, userValues string) {
	t.Helper()
	for name, judge := range helms {
		require.NoError(t, judge(t, dir, userValues), "%s with\n%s", name, userValues)
	}
}

// requireRefused proves that every Helm refuses the values with these words.
func requireRefused(t *testing.T, dir, userValues string, words ...string) {
	t.Helper()
	for name, judge := range helms {
		err := judge(t, dir, userValues)
		require.Error(t, err, "%s with\n%s", name, userValues)
		for _, w := range words {
			require.ErrorContains(t, err, w, "%s with\n%s", name, userValues)
		}
	}
}
