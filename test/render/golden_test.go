package render

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
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
		for _, difference := range differences("", want, got) {
			t.Errorf("%s: %s; %s", filepath.Join(dir, name), difference, howToUpdate)
		}
	}
}

// differences names the fields in which two parsed values differ, as
// "StatefulSet/x.spec.replicas: 1 became 2". Text of several lines that is YAML is compared as such:
// a collector's configuration differs in a field, too.
func differences(path string, want, got any) []string {
	if reflect.DeepEqual(want, got) {
		return nil
	}
	switch want := want.(type) {
	case map[string]object:
		if got, ok := got.(map[string]object); ok {
			return mapDifferences(path, want, got)
		}
	case object:
		if got, ok := got.(object); ok {
			return mapDifferences(path, want, got)
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			var found []string
			for i := range want {
				found = append(found, differences(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])...)
			}
			return found
		}
	case string:
		if got, ok := got.(string); ok && strings.Contains(want, "\n") && strings.Contains(got, "\n") {
			var wantParsed, gotParsed object
			if yaml.Unmarshal([]byte(want), &wantParsed) == nil && yaml.Unmarshal([]byte(got), &gotParsed) == nil {
				if found := mapDifferences(path, wantParsed, gotParsed); len(found) > 0 {
					return found
				}
			}
		}
	}
	return []string{fmt.Sprintf("%s: %s became %s", path, inline(want), inline(got))}
}

func mapDifferences[V any](path string, want, got map[string]V) []string {
	keys := slices.Collect(maps.Keys(want))
	for key := range got {
		if _, ok := want[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var found []string
	for _, key := range keys {
		at := strings.TrimPrefix(path+"."+key, ".")
		w, inWant := want[key]
		g, inGot := got[key]
		switch {
		case !inGot:
			found = append(found, fmt.Sprintf("%s: %s went away", at, inline(w)))
		case !inWant:
			found = append(found, fmt.Sprintf("%s: %s is new", at, inline(g)))
		default:
			found = append(found, differences(at, w, g)...)
		}
	}
	return found
}

// inline is a value in one line, cut where it is long.
func inline(value any) string {
	data, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	text := []rune(strings.Join(strings.Fields(string(data)), " "))
	if len(text) > 120 {
		text = append(text[:120], '…')
	}
	return string(text)
}

func TestDifferencesNameTheField(t *testing.T) {
	parse := func(text string) any {
		var value object
		require.NoError(t, yaml.Unmarshal([]byte(text), &value))
		return value
	}
	config := func(namespace string) string {
		return "kind: ConfigMap\ndata:\n  config.yaml: |\n    exporters:\n      awsemf: {namespace: " + namespace + "}\n    service: {}\n"
	}
	for name, c := range map[string]struct {
		want, got string
		found     []string
	}{
		"nothing":                   {"a: {b: [1, 2]}", "a:\n  b:\n  - 1\n  - 2\n", nil},
		"a value":                   {"a: {b: [1, 2]}", "a: {b: [1, 3]}", []string{"a.b[1]: 2 became 3"}},
		"a type":                    {"a: 1", "a: '1'", []string{`a: 1 became "1"`}},
		"a list's length":           {"a: [1]", "a: [1, 2]", []string{"a: - 1 became - 1 - 2"}},
		"a field less":              {"a: 1\nb: 2", "a: 1", []string{"b: 2 went away"}},
		"a field more":              {"a: 1", "a: 1\nb: {c: 2}", []string{"b: c: 2 is new"}},
		"a null instead of a field": {"a: 1\nb:", "a: 1", []string{"b: null went away"}},
		"a configuration in text":   {config("x"), config("y1"), []string{"data.config.yaml.exporters.awsemf.namespace: x became y1"}},
	} {
		assert.Equal(t, c.found, differences("", parse(c.want), parse(c.got)), name)
	}
}

func TestDifferencesSeeAChangeOfTextThatParsesAlike(t *testing.T) {
	assert.Len(t, differences("data", "a: 1\nb: 2\n", "b: 2\na: 1\n"), 1)
}
