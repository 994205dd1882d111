package render

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/charttest"
)

const howToUpdate = "when the change is meant: go test ./test/render -update, and review what it writes"

// splitBySource sorts the documents of a manifest by the template they come from:
// kyma-cloudwatch/charts/collector/templates/service.yaml becomes collector/service.yaml.
func splitBySource(manifest string) map[string]string {
	bySource := map[string]string{}
	for _, document := range strings.Split("\n"+manifest, "\n---\n") {
		first, rest, _ := strings.Cut(strings.TrimSpace(document), "\n")
		source, ok := strings.CutPrefix(first, "# Source: ")
		if !ok || strings.TrimSpace(rest) == "" {
			continue
		}
		_, source, _ = strings.Cut(source, "/") // the chart itself
		source = strings.ReplaceAll("/"+source, "/charts/", "/")
		source = strings.TrimPrefix(strings.ReplaceAll(source, "/templates/", "/"), "/")
		if bySource[source] != "" {
			bySource[source] += "---\n"
		}
		bySource[source] += strings.TrimRight(rest, "\n") + "\n"
	}
	return bySource
}

func writeGoldens(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(dir))
	for name, content := range want {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
}

// compareGoldens names each field in which the files of a folder differ from what is rendered, and
// each file that is missing or no longer rendered. Order and layout do not count.
func compareGoldens(t *testing.T, dir string, rendered map[string]string) {
	t.Helper()
	written := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		written[filepath.ToSlash(name)] = string(content)
		return err
	})
	require.NoError(t, err, howToUpdate)

	for _, name := range slices.Sorted(maps.Keys(written)) {
		if _, ok := rendered[name]; !ok {
			t.Errorf("%s is no longer rendered; %s", filepath.Join(dir, name), howToUpdate)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		golden, ok := written[name]
		if !ok {
			t.Errorf("%s is rendered and not there; %s", filepath.Join(dir, name), howToUpdate)
			continue
		}
		if filepath.Ext(name) != ".yaml" {
			assert.Equal(t, golden, rendered[name], howToUpdate)
			continue
		}
		want, err := parseObjects(golden)
		require.NoError(t, err, name)
		got, err := parseObjects(rendered[name])
		require.NoError(t, err, name)
		for _, difference := range charttest.Differences(want, got) {
			t.Errorf("%s: %s; %s", filepath.Join(dir, name), difference, howToUpdate)
		}
	}
}
