package values_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

func parse(t *testing.T, text string) *values.Value {
	t.Helper()
	root, err := values.Parse("values.yaml", []byte(text))
	require.NoError(t, err)
	return root
}

// keys lists the paths of all values in order.
func keys(v *values.Value) []string {
	var all []string
	var walk func(v *values.Value, at values.Path)
	walk = func(v *values.Value, at values.Path) {
		for _, c := range v.Children {
			all = append(all, at.Join(c.Key).String())
			walk(c, at.Join(c.Key))
		}
	}
	walk(v, nil)
	return all
}

func TestDescriptionsAreReadFromEveryHabitOfCommenting(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"helm-docs":                        {"# -- Number of pods.\na: 1", "Number of pods."},
		"helm-docs over several lines":     {"# -- Number\n# of pods.\na: 1", "Number of pods."},
		"helm-docs after a remark":         {"# TODO\n# -- Number of pods.\na: 1", "Number of pods."},
		"helm-docs with the path":          {"# a -- Number of pods.\na: 1", "Number of pods."},
		"paragraphs":                       {"# -- One.\n#\n# Two.\na: 1", "One.\n\nTwo."},
		"list":                             {"# -- One of\n# - x, and\n#   more\n# - y\na: 1", "One of\n- x, and more\n- y"},
		"at the end of the line":           {"a: 1 # -- Number of pods.", "Number of pods."},
		"remark at the end of the line":    {"# -- Number of pods.\na: 1 # two", "Number of pods."},
		"free remark at the end":           {"# Number of pods.\na: 1 # two", "Number of pods."},
		"at the end of a map's line":       {"a: # -- Number of pods.\n  b: 1", "Number of pods."},
		"at the end of a flow map's line":  {"a: {} # -- Number of pods.", "Number of pods."},
		"free comment":                     {"# Number of pods.\na: 1", "Number of pods."},
		"free comment with two marks":      {"## Number\n## of pods.\na: 1", "Number of pods."},
		"free comment in a box":            {"#########\n# Number of pods.\n# -------\na: 1", "Number of pods."},
		"free comment and a commented key": {"# Number of pods.\n# nodePort: 30000\na: 1", "Number of pods."},
		"annotation before":                {"# @schema minimum:1\n# -- Number of pods.\na: 1", "Number of pods."},
		"annotation after":                 {"# -- Number of pods.\n# @schema minimum:1\na: 1", "Number of pods."},
		"annotation and free comment":      {"# Number of pods.\n# @schema minimum:1\na: 1", "Number of pods."},
		"annotated description":            {"# @schema description:Number; of pods.;minimum:1\na: 1", "Number; of pods."},
		"Windows line ends":                {"# -- Number\r\n# of pods.\r\na: 1\r\n", "Number of pods."},
		"byte order mark":                  {"\xef\xbb\xbf# -- Number of pods.\na: 1\n", "Number of pods."},
		"quote in the comment":             {"# -- It's the \"number\" # of pods.\na: 'x # y'", "It's the \"number\" # of pods."},
		"parted by an empty line":          {"# A licence.\n\na: 1", ""},
		"none":                             {"a: 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, parse(t, c.text).Child("a").Description)
		})
	}
}

func TestACommentBelongsOnlyToTheKeyInItsColumn(t *testing.T) {
	root := parse(t, `
resources: {}
  # limits:
  #   cpu: 100m
selector: {}
map:
  inner: 1
# -- Outer.
outer: 1
text: |
  # no comment
  end
after: {first: 1, second: 2}
`)
	assert.Empty(t, root.Child("selector").Description)
	assert.Equal(t, "Outer.", root.Child("outer").Description)
	assert.Empty(t, root.Child("after").Description)
	assert.Empty(t, root.Child("after").Child("first").Description)
	assert.Equal(t, "# no comment\nend\n", root.Child("text").Default)
}

func TestTagsOfHelmDocsAreRead(t *testing.T) {
	v := parse(t, `
# -- (tpl/string) Text.
# @default -- the chart's version
# @section -- Image
a: ""
# @ignored
b: 1
`)
	assert.Equal(t, values.Comment{Description: "Text.", DocType: "tpl/string", DocDefault: "the chart's version", Section: "Image"}, v.Child("a").Comment)
	assert.True(t, v.Child("b").Ignored)
}

func TestAnnotationsAreReadAsDraft07(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]any
	}{
		"one line":                  {"# @schema type:[integer, null];minimum:1", map[string]any{"type": []any{"integer", "null"}, "minimum": json.Number("1")}},
		"several lines":             {"# @schema minimum:1\n# @schema maximum:9", map[string]any{"minimum": json.Number("1"), "maximum": json.Number("9")}},
		"spaces":                    {"# @schema  minimum : 1 ; maximum: 9 ;", map[string]any{"minimum": json.Number("1"), "maximum": json.Number("9")}},
		"at the end of the line":    {"a: 1 # @schema minimum:1", map[string]any{"minimum": json.Number("1")}},
		"semicolon in a pattern":    {"# @schema pattern:^[;]{1,2};x$;minLength:1", map[string]any{"pattern": "^[;]{1,2};x$", "minLength": json.Number("1")}},
		"brackets of a pattern":     {"# @schema pattern:^[^[]+$;minLength:1", map[string]any{"pattern": "^[^[]+$", "minLength": json.Number("1")}},
		"backslash in a pattern":    {`# @schema pattern:"^\d+$"`, map[string]any{"pattern": `^\d+$`}},
		"colon in a pattern":        {"# @schema pattern:^https?://", map[string]any{"pattern": "^https?://"}},
		"semicolon in a quote":      {`# @schema enum:["a;b", 'c;d'];title:T`, map[string]any{"enum": []any{"a;b", "c;d"}, "title": "T"}},
		"item type":                 {"# @schema item:string", map[string]any{"items": map[string]any{"type": "string"}}},
		"item types":                {"# @schema items:[string, integer]", map[string]any{"items": map[string]any{"type": []any{"string", "integer"}}}},
		"item enum":                 {"# @schema item:string;itemEnum:[a, b]", map[string]any{"items": map[string]any{"type": "string", "enum": []any{"a", "b"}}}},
		"dependent required keys":   {"# @schema dependentRequired:{b: [c]}", map[string]any{"dependencies": map[string]any{"b": []any{"c"}}}},
		"empty value":               {"# @schema const:", map[string]any{"const": nil}},
		"whole rule":                {"# @schema not:{required: [b, c]}", map[string]any{"not": map[string]any{"required": []any{"b", "c"}}}},
		"block":                     {"# @schema\n# type: integer\n# enum:\n#   - 1\n#   - 2\n# @schema", map[string]any{"type": "integer", "enum": []any{json.Number("1"), json.Number("2")}}},
		"block and description":     {"# @schema\n# minimum: 1\n# @schema\n# -- Text.", map[string]any{"minimum": json.Number("1")}},
		"null in an enum":           {"# @schema enum:[1, null]", map[string]any{"enum": []any{json.Number("1"), nil}}},
		"words that look like more": {"# @schema const:1;examples:[1.5, yes, 2020-01-01]", map[string]any{"const": json.Number("1"), "examples": []any{json.Number("1.5"), "yes", "2020-01-01"}}},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if text[0] == '#' {
				text += "\na:\n"
			}
			assert.Equal(t, c.want, parse(t, text).Child("a").Schema)
		})
	}
	v := parse(t, "# @schema required:true\na: 1\n# @schema skipProperties:true\nb: {c: 1}\n")
	assert.True(t, v.Child("a").Required)
	assert.True(t, v.Child("b").SkipProperties)
}

func TestAMalformedAnnotationIsAnErrorWithItsLineAndTheMend(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no pair":            {"# @schema minimum", `values.yaml:2: @schema: "minimum" is no key:value; write for example # @schema type:integer;minimum:1`},
		"unknown key":        {"# @schema mimimum:1", `values.yaml:2: @schema: unknown key "mimimum"; write minimum`},
		"unknown far key":    {"# @schema whatsoever:1", `values.yaml:2: @schema: unknown key "whatsoever"; known are $comment, additionalItems,`},
		"reference":          {"# @schema $ref:other.json", `values.yaml:2: @schema: unknown key "$ref"; references are not followed; write the rules out`},
		"inner reference":    {"# @schema items:{$ref: 'https://example.com/s.json'}", `values.yaml:2: @schema: items: the reference "https://example.com/s.json" is not followed; write the rules out`},
		"unknown type":       {"# @schema type:int", `values.yaml:2: @schema: type: "int" is no type; write one or more of string, integer, number, boolean, array, object, null`},
		"misspelt after ;":   {"# @schema type:integer;mimimum:1", `values.yaml:2: @schema: unknown key "mimimum"; write minimum`},
		"open bracket":       {"# @schema enum:[a, b", `values.yaml:2: @schema: enum: "[a, b" is no YAML`},
		"enum without list":  {"# @schema enum:a", `values.yaml:2: @schema: enum: a is no list; write enum:[one, other]`},
		"twice":              {"# @schema minimum:1;minimum:2", `values.yaml:2: @schema: minimum is given twice; remove one`},
		"wrong number":       {"# @schema minimum:low", "values.yaml:2: @schema: not valid in JSON schema draft-07: at '/minimum': got string, want number"},
		"wrong pattern":      {"# @schema pattern:^[a-z", "values.yaml:2: @schema: not valid in JSON schema draft-07:"},
		"wrong inner type":   {"# @schema items:{type: text}", "values.yaml:2: @schema: not valid in JSON schema draft-07: at '/items/type'"},
		"block without end":  {"# @schema\n# minimum: 1", "values.yaml:2: the block after # @schema has no end; close it with a second line # @schema"},
		"block of no YAML":   {"# @schema\n# minimum: [\n# @schema", "values.yaml:2: @schema: the block is no YAML"},
		"default misfits":    {"# @schema type:boolean", "values.yaml:3: a: the default 1 is of type integer, the annotation says boolean; write # @schema type:[boolean, integer], or change the default"},
		"skip of no boolean": {"# @schema skipProperties:maybe", "values.yaml:2: @schema: skipProperties: maybe is no boolean; write skipProperties:true"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := values.Parse("values.yaml", []byte("\n"+c.text+"\na: 1\n"))
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestAFileThatHelmWouldMisreadIsAnErrorWithItsLineAndTheMend(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"list":               {"- a\n", `values.yaml:1: the values must be a map such as "replicas: 1", not a list`},
		"text":               {"\nhello\n", `values.yaml:2: the values must be a map such as "replicas: 1", not a single str`},
		"number":             {"1", `values.yaml:1: the values must be a map such as "replicas: 1", not a single int`},
		"two documents":      {"a: 1\n---\nb: 2\n", "values.yaml:2: a second YAML document starts here, Helm reads only the first; join them into one map"},
		"key twice":          {"a: 1\nb: 2\na: 3\n", `values.yaml:3: the key "a" stands twice in this map, first in line 1; remove one`},
		"key twice as Helm":  {"m:\n  on: 1\n  \"true\": 2\n", `values.yaml:3: the key "true" stands twice in this map, first in line 2; remove one`},
		"no YAML":            {"a: 1\nb: [\n", "values.yaml:"},
		"tab":                {"a:\n\tb: 1\n", "values.yaml:2: no valid YAML:"},
		"unknown anchor":     {"a: *b\n", "values.yaml: no valid YAML: unknown anchor 'b' referenced"},
		"anchor in itself":   {"a: &a\n  b: *a\n", "values.yaml: no valid YAML: anchor 'a' value contains itself"},
		"no YAML, 2nd part":  {"a: 1\n---\nb: [\n", "values.yaml:"},
		"merge of no map":    {"a: 1\nb:\n  <<: [1]\n", "values.yaml: no valid YAML: map merge requires map or sequence of maps as the value"},
		"merge key, unknown": {"b:\n  <<: *x\n", "values.yaml: no valid YAML: unknown anchor 'x' referenced"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := values.Parse("values.yaml", []byte(c.text))
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestKeysKeepTheirOrderAndDots(t *testing.T) {
	root := parse(t, "b: 1\n\"k8s.node.ip\": {x: 1}\na: {'': 1}\n8080: 1\non: 1\n")
	assert.Equal(t, []string{"b", `"k8s.node.ip"`, `"k8s.node.ip".x`, "a", `a.""`, "8080", "true"}, keys(root))
}

func TestMergedKeysStandWhereTheyLandWithTheirComments(t *testing.T) {
	root := parse(t, `
first: &first
  # -- Depth.
  depth: 1
  size: 1
second: &second
  size: 2
  speed: 2
both:
  <<: [*first, *second]
  # -- Own.
  size: own
alias: *first
over:
  depth: 3
  <<: *first
`)
	both := root.Child("both")
	assert.Equal(t, []string{"depth", "speed", "size"}, keys(both))
	assert.Equal(t, "Depth.", both.Child("depth").Description)
	assert.Equal(t, "Own.", both.Child("size").Description)
	assert.Equal(t, []string{"string"}, both.Child("size").Types)
	assert.Equal(t, json.Number("2"), both.Child("speed").Default)
	assert.Equal(t, "Depth.", root.Child("alias").Child("depth").Description)
	assert.Equal(t, "Depth.", root.Child("over").Child("depth").Description, "an override without a comment keeps that of the merged key")
	assert.Equal(t, json.Number("1"), root.Child("over").Child("depth").Default, "for Helm, a merge key overrides what stands before it")
	assert.Equal(t, []string{"depth", "size"}, keys(root.Child("over")))
}

func TestDefaultsAreThoseThatHelmReads(t *testing.T) {
	root := parse(t, "a: yes\nb: 0o17\nc: 1.0\nd: 1e3\ne: ~\nf: 2020-01-01\ng: '1'\nh: 12345678901234567890\n")
	types := map[string][]string{}
	for _, c := range root.Children {
		types[c.Key] = c.Types
	}
	assert.Equal(t, map[string][]string{
		"a": {"boolean"}, "b": {"integer"}, "c": {"number"}, "d": {"number"}, "e": nil,
		"f": {"string"}, "g": {"string"}, "h": {"integer"},
	}, types)
	assert.Equal(t, true, root.Child("a").Default)
	assert.Equal(t, json.Number("12345678901234567890"), root.Child("h").Default)
}
