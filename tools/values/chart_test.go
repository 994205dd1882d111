package values_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

// chartDir writes a chart of the given files and returns its folder.
func chartDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func loadChart(t *testing.T, files map[string]string) *values.Chart {
	t.Helper()
	c, err := values.Load(chartDir(t, files))
	require.NoError(t, err)
	return c
}

const (
	shopYAML = "{apiVersion: v2, name: shop, version: 0.1.0, dependencies: [{name: db, version: 0.1.0, condition: db.enabled}]}"
	dbYAML   = "{apiVersion: v2, name: db, version: 0.1.0, description: Keeps things.}"
)

func TestTheSectionOfASubchartHoldsItsValuesWithTheParentsDefaultsAndComments(t *testing.T) {
	c := loadChart(t, map[string]string{
		"Chart.yaml":            shopYAML,
		"values.yaml":           "db:\n  # -- Bigger here.\n  size: 5\n  labels: {a: b}\n",
		"charts/db/Chart.yaml":  dbYAML,
		"charts/db/values.yaml": "# -- Size.\n# @schema type:[integer, string]\nsize: 1\n# -- Speed.\nspeed: 2\nlabels: {}\n",
	})
	db := c.Root.Child("db")
	assert.Equal(t, []string{"enabled", "size", "speed", "labels"}, keys(db))
	assert.Equal(t, "Keeps things.", db.Description)
	assert.Equal(t, "Bigger here.", db.Child("size").Description)
	assert.EqualValues(t, "5", db.Child("size").Default)
	assert.Equal(t, []string{"integer", "string"}, db.Child("size").Types)
	assert.Equal(t, "Speed.", db.Child("speed").Description)
	assert.Equal(t, map[string]any{"a": "b"}, db.Child("labels").Default)
	assert.True(t, db.Child("enabled").Implied)

	require.Len(t, c.All(), 2)
	assert.EqualValues(t, "1", c.All()[1].Root.Child("size").Default, "the subchart itself is as its author wrote it")
}

func TestAValueThatTheSubchartDoesNotKnowIsAnErrorWithItsLine(t *testing.T) {
	dir := chartDir(t, map[string]string{
		"Chart.yaml":            shopYAML,
		"values.yaml":           "db:\n  queue:\n    sise: 5\n",
		"charts/db/Chart.yaml":  dbYAML,
		"charts/db/values.yaml": "queue: {size: 1}\n",
	})
	_, err := values.Load(dir)
	assert.EqualError(t, err, filepath.Join(dir, "values.yaml")+":3: db.queue.sise is no value of the subchart db, whose schema will refuse it; declare it in "+
		filepath.Join(dir, "charts/db/values.yaml")+", or remove it here")
}

func TestGlobalsThatASubchartReadsAreDeclaredInTheParent(t *testing.T) {
	c := loadChart(t, map[string]string{
		"Chart.yaml":            shopYAML,
		"values.yaml":           "global:\n  aws:\n    region: r\n",
		"charts/db/Chart.yaml":  dbYAML,
		"charts/db/values.yaml": "global:\n  aws:\n    region: x\n    zone: z\n  class: fast\n",
	})
	assert.Equal(t, []string{"aws", "aws.region", "aws.zone", "class"}, keys(c.Root.Child("global")))
	assert.Equal(t, "r", c.Root.Child("global").Child("aws").Child("region").Default)
}

func TestASubchartKnowsItsConditionWhenItIsLoadedAlone(t *testing.T) {
	dir := chartDir(t, map[string]string{
		"Chart.yaml":            "{apiVersion: v2, name: shop, version: 0.1.0, dependencies: [{name: db, version: 0.1.0, condition: 'db.on, global.db'}]}",
		"charts/db/Chart.yaml":  dbYAML,
		"charts/db/values.yaml": "size: 1\n",
	})
	whole, err := values.Load(dir)
	require.NoError(t, err)
	alone, err := values.Load(filepath.Join(dir, "charts", "db"))
	require.NoError(t, err)
	assert.Equal(t, []string{"on", "size"}, keys(alone.Root))
	assert.Equal(t, keys(whole.All()[1].Root), keys(alone.Root))
}

func TestFoldersThatHelmSkipsAreNoSubcharts(t *testing.T) {
	c := loadChart(t, map[string]string{
		"Chart.yaml":             "{apiVersion: v2, name: shop, version: 0.1.0}",
		"charts/_old/Chart.yaml": dbYAML,
		"charts/.git/Chart.yaml": dbYAML,
		"charts/README.md":       "text",
		"charts/notes/a.md":      "text",
	})
	assert.Empty(t, c.Subcharts)
	assert.Empty(t, keys(c.Root))
}

func TestAFolderThatIsNoChartIsAClearError(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no Chart.yaml":   {nil, " is no chart: it has no Chart.yaml; give the folder of a chart"},
		"no name":         {map[string]string{"Chart.yaml": "version: 1.0.0"}, `Chart.yaml: the chart has no name; add "name: `},
		"no YAML":         {map[string]string{"Chart.yaml": "a: ["}, "Chart.yaml: no valid YAML: "},
		"section no map":  {map[string]string{"Chart.yaml": shopYAML, "values.yaml": "a: 1\ndb: 5\n"}, `values.yaml:2: db configures the subchart of that name and must be a map, not 5; write "db: {}"`},
		"subchart broken": {map[string]string{"Chart.yaml": shopYAML, "charts/db/Chart.yaml": dbYAML, "charts/db/values.yaml": "- 1"}, filepath.Join("charts", "db", "values.yaml") + ":1: the values must be a map"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := values.Load(chartDir(t, c.files))
			assert.ErrorContains(t, err, c.want)
		})
	}
}
