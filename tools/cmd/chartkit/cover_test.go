package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
)

// write makes the files of a folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func TestCoverMeasuresValuesFilesAndFolders(t *testing.T) {
	folder := write(t, map[string]string{
		"Chart.yaml":         "apiVersion: v2\nname: small\nversion: 1.0.0\n",
		"templates/all.yaml": "a: {{ if .Values.a }}1{{ else }}{{ if .Values.b }}{{ fail \"no b\" }}{{ end }}2{{ end }}\n",
	})
	values := write(t, map[string]string{"one.yaml": "a: true\n", "deep/two.yml": "a: false\n", "notes.txt": "no values"})

	out, err := run("cover", folder)
	require.NoError(t, err)
	assert.Contains(t, out, "branches 2 of 4 (50.0 %)")
	assert.Contains(t, out, "templates/all.yaml:1:10: if .Values.a: never then\n")

	out, err = run("cover", folder, "-f", values)
	require.NoError(t, err)
	assert.Contains(t, out, "branches 3 of 4 (75.0 %)")

	refused := filepath.Join(write(t, map[string]string{"b.yaml": "b: true\n"}), "b.yaml")
	out, err = run("cover", folder, "-f", values, "-f", refused, "--min", "100")
	require.NoError(t, err)
	assert.Contains(t, out, refused+" is refused: execution error at (small/templates/all.yaml:1:53): no b\n")
	assert.Contains(t, out, "branches 4 of 4 (100.0 %)")

	out, err = run("cover", folder, "-f", filepath.Join(values, "one.yaml")+","+refused, "--format", "json")
	require.NoError(t, err)
	var parsed struct{ Branches struct{ Total, Covered int } }
	require.NoError(t, json.Unmarshal([]byte(out), &parsed))
	assert.Equal(t, 4, parsed.Branches.Total)
	assert.Equal(t, 1, parsed.Branches.Covered, "joined files are one rendering")

	_, err = run("cover", folder, "--min", "80")
	require.ErrorContains(t, err, "50.0 % of the branches are taken (2 of 4), --min wants 80 %")

	page := filepath.Join(t.TempDir(), "page.html")
	_, err = run("cover", folder, "--format", "html", "-o", page)
	require.NoError(t, err)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(text), "<!DOCTYPE html>")

	for args, message := range map[[2]string]string{
		{"--format", "pdf"}: "--format pdf is none of text, json, lcov, html",
		{"-f", "gone.yaml"}: "gone.yaml",
		{"-f", t.TempDir()}: "no values files in",
		{"--from", folder}:  "CHARTKIT_COVERDIR=",
	} {
		_, err := run("cover", folder, args[0], args[1])
		require.ErrorContains(t, err, message)
	}
	_, err = run("cover", t.TempDir())
	require.ErrorContains(t, err, "is not a chart")
}

func TestCoverTakesChartsAsTheyAre(t *testing.T) {
	created, err := chartutil.Create("created", t.TempDir())
	require.NoError(t, err)
	out, err := run("cover", created)
	require.NoError(t, err)
	assert.Regexp(t, `^branches \d+ of \d+ `, out)
	assert.Contains(t, out, "templates/ingress.yaml:1:8: if .Values.ingress.enabled: never then\n")

	withDependencies := write(t, map[string]string{
		"Chart.yaml":                       "apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n- {name: lib, version: 1.0.0}\n- {name: db, version: 1.0.0, condition: db.enabled}\n",
		"templates/all.yaml":               "name: {{ include \"lib.name\" . }}\n",
		"charts/lib/Chart.yaml":            "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
		"charts/lib/templates/_name.tpl":   "{{ define \"lib.name\" }}{{ ternary 1 2 true }}{{ end }}\n",
		"charts/db/Chart.yaml":             "apiVersion: v2\nname: db\nversion: 1.0.0\n",
		"charts/db/values.yaml":            "enabled: false\n",
		"charts/db/templates/configm.yaml": "{{ if true }}a: 1{{ end }}\n",
	})
	out, err = run("cover", withDependencies)
	require.NoError(t, err)
	assert.Contains(t, out, "branches 1 of 4 (25.0 %)")
	assert.Contains(t, out, "charts/lib/templates/_name.tpl:1:27: ternary 1 2 true: never false\n")
	assert.Contains(t, out, "charts/db/templates/configm.yaml:1:7: if true: never then\n", "a subchart that is not installed counts")

	out, err = run("cover", filepath.Join(withDependencies, "charts", "lib"))
	require.NoError(t, err)
	assert.Contains(t, out, "is refused: library charts are not installable")
	assert.Contains(t, out, "branches 0 of 2 (0.0 %)")
}
