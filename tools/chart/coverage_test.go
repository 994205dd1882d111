package chart_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

var branching = fstest.MapFS{
	"Chart.yaml":  {Data: []byte("apiVersion: v2\nname: branching\nversion: 1.0.0\ndependencies:\n  - {name: sub, version: 1.0.0, alias: one, condition: one.enabled}\n  - {name: sub, version: 1.0.0, alias: two, condition: two.enabled}\n")},
	"values.yaml": {Data: []byte("a: false\nlist: []\none: {enabled: false}\ntwo: {enabled: false}\n")},
	"templates/_named.tpl": {Data: []byte(`{{- define "named" -}}{{ .Values.a }}{{- end -}}
{{- define "never" -}}x{{- end -}}
`)},
	"templates/all.yaml": {Data: []byte(`{{- if .Values.a }}
a: {{ include "named" . }}
{{- else if and .Values.b (eq .Values.b "x") }}
b: x
{{- end }}
{{- range .Values.list }}
l{{ . }}: x
{{- end }}
{{- range list 1 2 }}{{ end }}
c: {{ .Values.c | default "none" }} {{ ternary "yes" "no" .Values.a }}
{{- with or .Values.d .Values.e "f" }}
d: {{ . }}
{{- end }}
{{- if eq .Values.c "fail" }}{{ fail "as asked" }}{{ end }}
`)},
	"charts/sub/Chart.yaml":         {Data: []byte("apiVersion: v2\nname: sub\nversion: 1.0.0\n")},
	"charts/sub/templates/sub.yaml": {Data: []byte(`sub: {{ if eq .Chart.Name "one" }}1{{ else }}2{{ end }}` + "\n")},
}

// outcomes lists the points as "file:line:column text: outcome", with the names of the renderings that took them.
func outcomes(coverage *chart.Coverage) map[string]string {
	all := map[string]string{}
	points, taken := coverage.Points()
	for i, p := range points {
		if p.Kind != chart.KindAction {
			all[fmt.Sprintf("%s:%d:%d %s: %s", p.File, p.Line, p.Column, p.Text, p.Outcome)] = strings.Join(taken[i].By, ",")
		}
	}
	return all
}

func TestCoverageTellsWhichRenderingTookABranch(t *testing.T) {
	c, err := chart.LoadFS(branching, ".")
	require.NoError(t, err)
	coverage := chart.NewCoverage(c)
	for name, text := range map[string]string{
		"plain": "c: x",
		"a":     "{a: true, c: x, list: [1], d: 1}",
		"b":     "{b: x, c: x, e: 1}",
		"other": "{b: z, c: x, one: {enabled: true}}",
		"fails": "{c: fail, two: {enabled: true}}",
	} {
		values, err := parse([]byte(text))
		require.NoError(t, err)
		plain, plainErr := c.Render(values, chart.Release{Name: "demo"})
		recorded, err := coverage.Render(values, chart.Release{Name: "demo"}, name)
		assert.Equal(t, plain, recorded)
		assert.Equal(t, plainErr, err)
		assert.Equal(t, name == "fails", err != nil, "%v", err)
	}
	assert.Equal(t, map[string]string{
		"charts/sub/templates/sub.yaml:1:1 charts/sub/templates/sub.yaml: ":          "fails,other",
		`charts/sub/templates/sub.yaml:1:12 if eq .Chart.Name "one": then`:           "other",
		`charts/sub/templates/sub.yaml:1:12 if eq .Chart.Name "one": else`:           "fails",
		"templates/_named.tpl:1:23 named: ":                                          "a",
		"templates/_named.tpl:2:23 never: ":                                          "",
		"templates/all.yaml:1:1 templates/all.yaml: ":                                "a,b,fails,other,plain",
		"templates/all.yaml:1:8 if .Values.a: then":                                  "a",
		"templates/all.yaml:1:8 if .Values.a: else":                                  "b,fails,other,plain",
		`templates/all.yaml:3:13 if and .Values.b (eq .Values.b "x"): then`:          "b",
		`templates/all.yaml:3:13 if and .Values.b (eq .Values.b "x"): else`:          "fails,other,plain",
		`templates/all.yaml:3:13 and .Values.b (eq .Values.b "x"): .Values.b`:        "fails,plain",
		`templates/all.yaml:3:13 and .Values.b (eq .Values.b "x"): eq .Values.b "x"`: "b,other",
		"templates/all.yaml:6:11 range .Values.list: elements":                       "a",
		"templates/all.yaml:6:11 range .Values.list: empty":                          "b,fails,other,plain",
		"templates/all.yaml:9:11 range list 1 2: elements":                           "a,b,fails,other,plain",
		`templates/all.yaml:10:19 default "none": value`:                             "a,b,fails,other,plain",
		`templates/all.yaml:10:19 default "none": default`:                           "",
		`templates/all.yaml:10:40 ternary "yes" "no" .Values.a: true`:                "a",
		`templates/all.yaml:10:40 ternary "yes" "no" .Values.a: false`:               "b,fails,other,plain",
		`templates/all.yaml:11:10 with or .Values.d .Values.e "f": then`:             "a,b,fails,other,plain",
		`templates/all.yaml:11:10 with or .Values.d .Values.e "f": else`:             "",
		`templates/all.yaml:11:10 or .Values.d .Values.e "f": .Values.d`:             "a",
		`templates/all.yaml:11:10 or .Values.d .Values.e "f": .Values.e`:             "b",
		`templates/all.yaml:11:10 or .Values.d .Values.e "f": "f"`:                   "fails,other,plain",
		`templates/all.yaml:14:8 if eq .Values.c "fail": then`:                       "fails",
		`templates/all.yaml:14:8 if eq .Values.c "fail": else`:                       "a,b,other,plain",
	}, outcomes(coverage))
}

// TestRenderForCoverage is run by TestProcessesAddUpInAFolder in processes of its own.
func TestRenderForCoverage(t *testing.T) {
	text := os.Getenv("RENDER_FOR_COVERAGE")
	if text == "" {
		t.Skip("only in a process of its own")
	}
	c, err := chart.LoadFS(branching, ".")
	require.NoError(t, err)
	values, err := parse([]byte(text))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // in which the test's own function is not on the stack
		defer close(done)
		_, err := c.Render(values, chart.Release{Name: "demo"})
		assert.NoError(t, err)
	}()
	<-done
}

func TestProcessesAddUpInAFolder(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"{c: x, a: true}", "{c: x, b: x}"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestRenderForCoverage$")
		cmd.Env = append(os.Environ(), "RENDER_FOR_COVERAGE="+text, chart.CoverDirVariable+"="+dir)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	written, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Len(t, written, 2, "a file of each process")

	c, err := chart.LoadFS(branching, ".")
	require.NoError(t, err)
	coverage := chart.NewCoverage(c)
	require.NoError(t, coverage.ReadDir(dir))
	got := outcomes(coverage)
	assert.Equal(t, "chart_test.TestRenderForCoverage", got["templates/all.yaml:1:8 if .Values.a: then"])
	assert.Equal(t, "chart_test.TestRenderForCoverage", got[`templates/all.yaml:3:13 if and .Values.b (eq .Values.b "x"): then`])
	assert.Equal(t, "", got["templates/all.yaml:6:11 range .Values.list: elements"])

	// As a subchart of another chart.
	parent := fstest.MapFS{"Chart.yaml": {Data: []byte("apiVersion: v2\nname: parent\nversion: 1.0.0\n")}}
	for name, file := range branching {
		parent["charts/branching/"+name] = file
	}
	p, err := chart.LoadFS(parent, ".")
	require.NoError(t, err)
	t.Setenv(chart.CoverDirVariable, dir)
	_, err = p.Render(map[string]any{"branching": map[string]any{"c": "x", "list": []any{1}}}, chart.Release{Name: "demo"})
	require.NoError(t, err)
	require.NoError(t, coverage.ReadDir(dir))
	assert.Equal(t, "chart_test.TestProcessesAddUpInAFolder", outcomes(coverage)["templates/all.yaml:6:11 range .Values.list: elements"])

	// What was written about another state of a template is not believed.
	changed := fstest.MapFS{}
	for name, file := range branching {
		changed[name] = file
	}
	changed["templates/all.yaml"] = &fstest.MapFile{Data: append([]byte("# changed\n"), branching["templates/all.yaml"].Data...)}
	other, err := chart.LoadFS(changed, ".")
	require.NoError(t, err)
	stale := chart.NewCoverage(other)
	require.NoError(t, stale.ReadDir(dir))
	assert.Equal(t, "", outcomes(stale)["templates/all.yaml:2:8 if .Values.a: else"])
	assert.Equal(t, "chart_test.TestRenderForCoverage", outcomes(stale)["templates/_named.tpl:1:23 named: "])

	require.ErrorContains(t, coverage.ReadDir(t.TempDir()), chart.CoverDirVariable+"=")
}
