package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/docs"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

func load(t *testing.T, files map[string]string) *values.Chart {
	t.Helper()
	dir := t.TempDir()
	if files["Chart.yaml"] == "" {
		files["Chart.yaml"] = "{apiVersion: v2, name: shop, description: Sells things., version: 0.1.0}"
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	c, err := values.Load(dir)
	require.NoError(t, err)
	return c
}

// rows gives the lines of the tables, without the heads.
func rows(t *testing.T, valuesYAML string) []string {
	t.Helper()
	var rows []string
	for _, line := range strings.Split(docs.Tables(load(t, map[string]string{"values.yaml": valuesYAML})), "\n") {
		if line != "" && !strings.HasPrefix(line, "|---") && !strings.HasPrefix(line, "| Key") {
			rows = append(rows, line)
		}
	}
	return rows
}

func TestARowTellsKeyTypeDefaultAndDescription(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"plain":              {"# -- Number of pods.\na: 1", "| `a` | integer | `1` | Number of pods. |"},
		"no comment":         {"a: x", "| `a` | string | `\"x\"` |  |"},
		"dotted key":         {"k8s.ip: x", "| `\"k8s.ip\"` | string | `\"x\"` |  |"},
		"union":              {"# @schema type:[integer, string]\na: 80", "| `a` | integer or string | `80` |  |"},
		"alternatives":       {"# @schema oneOf:[{type: string}, {type: integer}]\na: 80", "| `a` | string or integer | `80` |  |"},
		"null":               {"a:", "| `a` | any | `null` |  |"},
		"null with type":     {"# @schema type:boolean\na:", "| `a` | boolean or null | `null` |  |"},
		"helm-docs type":     {"# -- (tpl/string) Text.\na: ''", "| `a` | tpl/string | `\"\"` | Text. |"},
		"stated default":     {"# -- Tag.\n# @default -- the chart's `appVersion`\na: ''", "| `a` | string | the chart's `appVersion` | Tag. |"},
		"items":              {"# @schema items:string\na: []", "| `a` | array of string | `[]` |  |"},
		"enum":               {"# @schema enum:[\"\", a, 1]\na: a", "| `a` | string | `\"a\"` | One of `\"\"`, `a`, `1`. |"},
		"enum already told":  {"# -- `a` or `b`.\n# @schema enum:[a, b]\na: a", "| `a` | string | `\"a\"` | `a` or `b`. |"},
		"range":              {"# @schema minimum:1;maximum:9\na: 1", "| `a` | integer | `1` | From 1 to 9. |"},
		"lower bound":        {"# -- Pods.\n# @schema minimum:1\na: 1", "| `a` | integer | `1` | Pods. At least 1. |"},
		"upper bound":        {"# @schema maximum:9\na: 1", "| `a` | integer | `1` | At most 9. |"},
		"deprecated":         {"# -- Old.\n# @schema deprecated:true\na: 1", "| `a` | integer | `1` | **Deprecated.** Old. |"},
		"pipe":               {"# -- Either `a|b` or c \\| d.\na: x|y", "| `a` | string | `\"x\\|y\"` | Either `a\\|b` or c \\| d. |"},
		"pipes in a row":     {"# -- a||b\na: 1", "| `a` | integer | `1` | a\\|\\|b |"},
		"paragraphs":         {"# -- One.\n#\n# Two:\n# - x\n# - y\na: 1", "| `a` | integer | `1` | One.<br><br>Two:<br>- x<br>- y |"},
		"newline in default": {"a: |\n  x\n  y\n", "| `a` | string | `\"x\\ny\\n\"` |  |"},
		"backtick":           {"a: x`y", "| `a` | string | ``\"x`y\"`` |  |"},
		"markup":             {"a: <b>&", "| `a` | string | `\"<b>&\"` |  |"},
		"long default":       {"a: " + strings.Repeat("ä", 100), "| `a` | string | `\"" + strings.Repeat("ä", 78) + "…` |  |"},
		"free-form":          {"# -- Labels.\na: {b: {c: 1}}", "| `a` | object | `{\"b\":{\"c\":1}}` | Labels. |"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, []string{c.want}, rows(t, c.text))
		})
	}
}

func TestAMapIsARowOnlyWhereItHasAComment(t *testing.T) {
	assert.Equal(t, []string{
		"| `a.b.c` | integer | `1` |  |",
		"| `d` | object |  | Map. |",
		"| `d.e` | integer | `2` | Key. |",
		"| `d.f` | integer | `3` |  |",
	}, rows(t, "a: {b: {c: 1}}\n# -- Map.\nd:\n  # -- Key.\n  e: 2\n  f: 3\n# @ignored\ng: 1\n"))
}

func TestItemsOfAListAreDocumented(t *testing.T) {
	assert.Equal(t, []string{
		"| `env` | array of object | `[]` |  | Variables. |",
		"| `env[].name` | string |  | yes | Name. |",
		"| `env[].value` | string or integer | `\"\"` |  |  |",
		"| `sel` | object | `{}` |  |  |",
		"| `sel.include` | array of string |  |  | In. |",
		"| `tolerations` | array of object | `[]` |  |  |",
	}, rows(t, `
# -- Variables.
# @schema items:{type: object, required: [name], properties: {value: {type: [string, integer], default: ""}, name: {type: string, description: Name.}}}
env: []
# @schema properties:{include: {type: array, items: {type: string}, description: In.}}
sel: {}
# @schema items:{type: object, properties: {key: {type: string}}}
tolerations: []
`))
}

func TestRequiredIsAColumnOnlyWhereAValueIsRequired(t *testing.T) {
	assert.Equal(t, `
| Key | Type | Default | Required | Description |
|---|---|---|---|---|
| `+"`a` | integer | `1` | yes |  |\n| `b` | integer | `2` |  |  |"+`

### Other

| Key | Type | Default | Description |
|---|---|---|---|
| `+"`c` | integer | `3` |  |"+`

`, docs.Tables(load(t, map[string]string{"values.yaml": "# @schema required:true\na: 1\nb: 2\n# @section -- Other\nc: 3\n"})))
}

func TestSectionsStandInTheOrderOfTheirFirstValueAndAreInherited(t *testing.T) {
	assert.Equal(t, []string{
		"### Pods",
		"| `a` | integer | `1` |  |",
		"| `m.k` | integer | `4` |  |",
		"### Other values",
		"| `b` | integer | `2` |  |",
	}, rows(t, "# @section -- Pods\na: 1\nb: 2\n# @section -- Pods\nm:\n  k: 4\n"))
}

func TestTheValuesOfSubchartsStandUnderTheirPrefix(t *testing.T) {
	c := load(t, map[string]string{
		"Chart.yaml":            "{apiVersion: v2, name: shop, version: 0.1.0, dependencies: [{name: db, version: 0.1.0, condition: db.enabled}]}",
		"values.yaml":           "a: 1\ndb:\n  size: 5\n",
		"charts/db/Chart.yaml":  "{apiVersion: v2, name: db, description: Keeps things., version: 0.1.0}",
		"charts/db/values.yaml": "global:\n  # -- Class.\n  class: x\n# -- Size.\nsize: 1\n# @section -- Queue\n# @schema required:true\nmax: 2\n",
	})
	assert.Equal(t, `
| Key | Type | Default | Description |
|---|---|---|---|
| `+"`a` | integer | `1` |  |\n| `global.class` | string | `\"x\"` | Class. |"+`

### db

Keeps things.

| Key | Type | Default | Description |
|---|---|---|---|
| `+"`db.enabled` | boolean | `true` | Whether to install the subchart db. |\n| `db.size` | integer | `5` | Size. |"+`

### db: Queue

| Key | Type | Default | Required | Description |
|---|---|---|---|---|
| `+"`db.max` | integer | `2` | yes |  |"+`

`, docs.Tables(c))
}

func TestWhatIsOutsideOfTheMarkersIsKept(t *testing.T) {
	c := load(t, map[string]string{"values.yaml": "a: 1\n"})
	readme := "# Shop\nBefore.\n" + docs.Begin + "\nold\n" + docs.End + "\nAfter.\n"
	first, err := docs.Readme(c, "README.md", []byte(readme))
	require.NoError(t, err)
	assert.Equal(t, "# Shop\nBefore.\n"+docs.Begin+"\n"+docs.Tables(c)+docs.End+"\nAfter.\n", string(first))

	again, err := docs.Readme(c, "README.md", first)
	require.NoError(t, err)
	assert.Equal(t, string(first), string(again), "a second run changes nothing")

	windows, err := docs.Readme(c, "README.md", []byte(strings.ReplaceAll(readme, "\n", "\r\n")))
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(first), "\n", "\r\n"), string(windows))
}

func TestAMissingReadmeIsMadeFromChartYaml(t *testing.T) {
	readme, err := docs.Readme(load(t, map[string]string{}), "README.md", nil)
	require.NoError(t, err)
	assert.Equal(t, "# shop\n\nSells things.\n\n## Values\n\n"+docs.Begin+"\n\nThe chart has no values.\n\n"+docs.End+"\n", string(readme))
}

func TestAReadmeWithoutItsMarkersInOrderIsAnErrorWithTheMend(t *testing.T) {
	c := load(t, map[string]string{"values.yaml": "a: 1\n"})
	for name, readme := range map[string]string{
		"none":     "# Shop\n",
		"no end":   docs.Begin + "\n",
		"no begin": docs.End + "\n",
		"reversed": docs.End + "\n" + docs.Begin + "\n",
		"twice":    docs.Begin + docs.End + docs.Begin + docs.End,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := docs.Readme(c, "docs/README.md", []byte(readme))
			assert.EqualError(t, err, "docs/README.md: the place of the values is not marked; put these two lines, once and in this order, where the tables shall stand:\n<!-- values: begin -->\n<!-- values: end -->")
		})
	}
}
