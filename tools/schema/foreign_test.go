package schema_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/schema"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

// refused are the charts of Helm's tests that a schema made from values alone refuses wrongly. One
// that no longer is must leave the list.
var refused = map[string]string{
	"pkg/chartutil/testdata/chart-with-dependency-aliased-twice": "sets a value that only a template of the subchart declares",
	"pkg/lint/rules/testdata/withsubchart":                       "imports a value of a subchart into the subchart's own section",
	"pkg/chartutil/testdata/subpop":                              "imports what a vendored subchart has itself imported",
	"pkg/chartutil/testdata/subpop/charts/subchart1":             "gets more than it imports: Helm merges two imports of one table into the same map",
	"cmd/helm/testdata/testcharts/subchart":                      "gets more than it imports: Helm merges two imports of one table into the same map",
}

func TestEveryChartOfHelmsOwnTestsTakesItsOwnDefaults(t *testing.T) {
	command := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v3")
	command.Stderr = os.Stderr
	out, err := command.Output()
	require.NoError(t, err)
	module := strings.TrimSpace(string(out))

	judged := 0
	require.NoError(t, filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "Chart.yaml" {
			return err
		}
		name, err := filepath.Rel(module, filepath.Dir(path))
		require.NoError(t, err)
		dir := copyWithoutSchemas(t, filepath.Dir(path))
		if _, err := loader.Load(dir); err != nil {
			return nil // a chart that Helm itself must refuse
		}
		t.Run(name, func(t *testing.T) {
			err := takesItsDefaults(t, dir)
			if reason, known := refused[filepath.ToSlash(name)]; known {
				require.Error(t, err, "no longer refused: %s", reason)
				return
			}
			require.NoError(t, err)
			requireRefused(t, dir, "noSuchKeyAnywhere: 1", "at '/noSuchKeyAnywhere': value must be 'absent: the keys here are ")
		})
		judged++
		return nil
	}))
	assert.Greater(t, judged, 50)
}

// takesItsDefaults generates the chart's schemas and lets every Helm judge its defaults.
func takesItsDefaults(t *testing.T, dir string) error {
	t.Helper()
	chart, err := values.Load(dir)
	if err != nil {
		return err
	}
	for _, c := range chart.All() {
		content, err := schema.Generate(c)
		if err != nil {
			return err
		}
		write(t, filepath.Join(c.Dir, "values.schema.json"), string(content))
	}
	for _, judge := range helms {
		if err := judge(t, dir, ""); err != nil {
			return err
		}
	}
	return nil
}

// copyWithoutSchemas copies a chart from the module cache, which is read-only.
func copyWithoutSchemas(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(from))
	require.NoError(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "values.schema.json" {
			return err
		}
		name, err := filepath.Rel(from, path)
		require.NoError(t, err)
		content, err := os.ReadFile(path)
		if err != nil {
			return nil // a broken link
		}
		write(t, filepath.Join(to, name), string(content))
		return nil
	}))
	return to
}
