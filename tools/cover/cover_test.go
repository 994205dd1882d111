package cover_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/cover"
)

var files = fstest.MapFS{
	"Chart.yaml":          {Data: []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\n")},
	"values.yaml":         {Data: []byte("a: true\n")},
	"templates/_name.tpl": {Data: []byte("{{ define \"shop.name\" }}<shop>{{ end }}\n")},
	"templates/shop.yaml": {Data: []byte("{{ if .Values.a }}\na: {{ .Values.a }}\n{{ else }}\nb: {{ .Values.b | default 1 }}\n{{ end }}\n")},
}

func report(t *testing.T, renderings map[string]map[string]any) *cover.Report {
	t.Helper()
	c, err := chart.LoadFS(files, ".")
	require.NoError(t, err)
	coverage := chart.NewCoverage(c)
	for name, values := range renderings {
		_, err := coverage.Render(values, chart.Release{Name: "demo"}, name)
		require.NoError(t, err)
	}
	return cover.New(coverage)
}

func TestCountsAreOfBranchesActionsAndTemplates(t *testing.T) {
	half := report(t, map[string]map[string]any{"plain": nil})
	assert.Equal(t, cover.Count{Total: 4, Covered: 1}, half.Branches)
	assert.Equal(t, cover.Count{Total: 2, Covered: 1}, half.Actions)
	assert.Equal(t, cover.Count{Total: 2, Covered: 1}, half.Templates)
	assert.Equal(t, 25.0, half.Branches.Percent())
	assert.Equal(t, 100.0, cover.Count{}.Percent())

	var text bytes.Buffer
	require.NoError(t, half.Text(&text))
	assert.Equal(t, `branches 1 of 4 (25.0 %), actions 1 of 2 (50.0 %), templates 1 of 2 (50.0 %)
templates/_name.tpl:1:25: template shop.name: never executed
templates/shop.yaml:1:7: if .Values.a: never else
templates/shop.yaml:4:19: default 1: never value
templates/shop.yaml:4:19: default 1: never default
`, text.String())
}

func TestJSONHasTheTotalsAndWhoTookWhat(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, report(t, map[string]map[string]any{"plain": nil, "without": {"a": false}}).JSON(&text))
	var parsed struct {
		Branches, Actions, Templates struct{ Total, Covered int }
		Files                        []struct {
			Path   string
			Points []struct {
				Line          int
				Kind, Outcome string
				By            []string
			}
		}
	}
	require.NoError(t, json.Unmarshal(text.Bytes(), &parsed))
	assert.Equal(t, 4, parsed.Branches.Total)
	assert.Equal(t, 3, parsed.Branches.Covered)
	assert.Equal(t, 2, parsed.Actions.Covered)
	require.Len(t, parsed.Files, 2)
	assert.Equal(t, "templates/shop.yaml", parsed.Files[1].Path)
	by := map[string][]string{}
	for _, p := range parsed.Files[1].Points {
		if p.Kind == "if" {
			by[p.Outcome] = p.By
		}
	}
	assert.Equal(t, map[string][]string{"then": {"plain"}, "else": {"without"}}, by)
}

func TestLCOVHasFunctionsLinesAndBranches(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, report(t, map[string]map[string]any{"plain": nil}).LCOV(&text, "charts/shop/"))
	assert.Equal(t, `TN:
SF:charts/shop/templates/_name.tpl
FN:1,shop.name
FNDA:0,shop.name
FNF:1
FNH:0
BRF:0
BRH:0
LF:0
LH:0
end_of_record
TN:
SF:charts/shop/templates/shop.yaml
FN:1,templates/shop.yaml
FNDA:1,templates/shop.yaml
FNF:1
FNH:1
BRDA:1,1,0,1
BRDA:1,1,1,0
BRDA:4,2,0,-
BRDA:4,2,1,-
BRF:4
BRH:1
DA:2,1
DA:4,0
LF:2
LH:1
end_of_record
`, text.String())
}

func TestThePageColoursLinesAndNamesWhoTookABranch(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, report(t, map[string]map[string]any{"<plain>": nil}).HTML(&text, "shop"))
	page := text.String()
	assert.Contains(t, page, `<div class="some"><span class="number">1</span>{{ if .Values.a }}`)
	assert.Contains(t, page, `<div class="all"><span class="number">2</span>a: {{ .Values.a }}`)
	assert.Contains(t, page, `<div class="none"><span class="number">4</span>`)
	assert.Contains(t, page, "if .Values.a: then: &lt;plain&gt;</li>")
	assert.Contains(t, page, `<li class="none">if .Values.a: else: never</li>`)
	assert.Contains(t, page, "&lt;shop&gt;", "the source is text")
	for _, reference := range []string{"http:", "https:", "src=", "<script"} {
		assert.False(t, strings.Contains(page, reference), "the page stands alone: %s", reference)
	}
}
