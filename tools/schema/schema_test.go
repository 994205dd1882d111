package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/schema"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

func TestAMisspeltKeyIsRefusedAtAnyDepthWithItsPath(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
replicas: 1
queue:
  storage:
    size: 1Gi
`})
	requireTaken(t, dir, "queue: {storage: {size: 2Gi}}")
	requireRefused(t, dir, "replcias: 2", "shop:", "at '/replcias': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "queue: {storage: {sise: 2Gi}}", "at '/queue/storage/sise': value must be 'absent: the keys here are ")
}

func TestAValueOfAnotherTypeIsRefusedWithItsPath(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
region: ""
replicas: 1
ratio: 1.0
on: yes
list: []
map: {a: 1}
`})
	requireTaken(t, dir, "{region: '1', replicas: 2, ratio: 0.5, 'true': false, list: [1], map: {a: 2}}")
	requireRefused(t, dir, "region: 1", "at '/region': got number, want string")
	requireRefused(t, dir, "region: true", "at '/region': got boolean, want string")
	requireRefused(t, dir, "replicas: '2'", "at '/replicas': got string, want integer")
	requireRefused(t, dir, "replicas: 1.5", "at '/replicas': got number, want integer")
	requireRefused(t, dir, "ratio: high", "at '/ratio': got string, want number")
	requireRefused(t, dir, "'true': 'no'", "at '/true': got string, want boolean")
	requireRefused(t, dir, "list: {}", "at '/list': got object, want array")
}

func TestNullRemovesADefaultAndANullDefaultTakesItsAnnotatedTypeOrNull(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
size: 1
deep: {size: 1}
anything:
# @schema type:integer;minimum:5
limit:
# @schema enum:[a, b]
choice: null
# -- (string) From helm-docs.
name:
`})
	requireTaken(t, dir, "")
	requireTaken(t, dir, "{size: null, deep: {size: null}, limit: null, choice: null}")
	requireTaken(t, dir, "{anything: [1], limit: 5, choice: a, name: x}")
	requireRefused(t, dir, "limit: five", "at '/limit': got string, want")
	requireRefused(t, dir, "limit: 4", "at '/limit': minimum: got 4, want 5")
	requireRefused(t, dir, "choice: c", "at '/choice': value must be one of 'a', 'b'")
	requireRefused(t, dir, "name: 1", "at '/name': got number")
}

func TestAnnotatedRulesAreApplied(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
# @schema enum:[secret, ambient]
mode: secret
# @schema pattern:^[a-z;]+$;minLength:2
name: ab
# @schema type:[integer, string];minimum:1
port: 80
# @schema minItems:1;uniqueItems:true;items:string
zones: [a]
# @schema const:v1
version: v1
# @schema
# oneOf:
#   - type: string
#     pattern: '%$'
#   - type: integer
# @schema
share: 1
`})
	requireTaken(t, dir, "{mode: ambient, name: 'a;b', port: http, zones: [b, c], share: 50%}")
	requireTaken(t, dir, "{port: 1, share: 7}")
	requireRefused(t, dir, "mode: open", "at '/mode': value must be one of 'secret', 'ambient'")
	requireRefused(t, dir, "name: A", "at '/name': minLength: got 1, want 2", "does not match pattern '^[a-z;]+$'")
	requireRefused(t, dir, "port: 0", "at '/port': minimum: got 0, want 1")
	requireRefused(t, dir, "port: true", "at '/port': got boolean, want integer or string")
	requireRefused(t, dir, "zones: [a, a]", "at '/zones': items at 0 and 1 are equal")
	requireRefused(t, dir, "zones: []", "at '/zones': minItems: got 0, want 1")
	requireRefused(t, dir, "zones: [1]", "at '/zones/0': got number, want string")
	requireRefused(t, dir, "version: v2", "at '/version'")
	requireRefused(t, dir, "share: half", "at '/share'")
}

func TestARuleOverSeveralKeysIsApplied(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
# @schema allOf:[{if: {properties: {mode: {const: webIdentity}}}, then: {properties: {roleArn: {minLength: 20}}}}]
auth:
  mode: secret
  roleArn: ""
`})
	requireTaken(t, dir, "auth: {mode: secret}")
	requireTaken(t, dir, "auth: {mode: webIdentity, roleArn: 'arn:aws:iam::123456789012:role/r'}")
	requireRefused(t, dir, "auth: {mode: webIdentity}", "at '/auth/roleArn': minLength: got 0, want 20")
}

func TestAFreeFormSubtreeStaysOpen(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
nodeSelector: {}
# @schema additionalProperties:true
example:
  known: {a: 1}
# @schema additionalProperties:true
oneLevel:
  known:
    # -- A commented key stays as it is declared.
    a: 1
# @schema skipProperties:true
allLevels:
  known: {a: 1}
# @schema additionalProperties:{type: string}
labels: {}
# @schema additionalProperties:false
none: {}
`})
	requireTaken(t, dir, "nodeSelector: {any: {thing: [1]}}")
	requireTaken(t, dir, "example: {other: 1, known: {a: x, b: y}}")
	requireTaken(t, dir, "oneLevel: {other: 1, known: {a: 2}}")
	requireTaken(t, dir, "allLevels: {other: 1, known: {a: x, b: y}}")
	requireTaken(t, dir, "labels: {team: a}")
	requireRefused(t, dir, "nodeSelector: text", "at '/nodeSelector': got string, want object")
	requireRefused(t, dir, "oneLevel: {known: {b: 1}}", "at '/oneLevel/known/b': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "oneLevel: {known: {a: x}}", "at '/oneLevel/known/a': got string, want integer")
	requireRefused(t, dir, "labels: {team: 1}", "at '/labels/team': got number, want string")
	requireRefused(t, dir, "none: {a: 1}", "at '/none': additional properties 'a' not allowed")
}

func TestItemsOfAnArrayAreStrictObjects(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
# @schema items:{type: object, required: [name], properties: {name: {type: string}, from: {type: object, properties: {key: {type: string}}}}}
env: []
# @schema itemProperties:{"host": {"type": "string"}}
hosts: []
# @schema
# items:
#   type: object
#   additionalProperties: true
#   properties:
#     key: {type: [string, null]}
# @schema
tolerations: []
ports: [80, 443]
`})
	requireTaken(t, dir, "env: [{name: A, from: {key: k}}]")
	requireTaken(t, dir, "tolerations: [{key: null, operator: Exists}]")
	requireTaken(t, dir, "ports: [1]")
	requireRefused(t, dir, "env: [{name: A}, {nmae: B}]", "at '/env/1': missing property 'name'", "at '/env/1/nmae': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "env: [{name: A, from: {kye: k}}]", "at '/env/0/from/kye': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "hosts: [{hots: a}]", "at '/hosts/0/hots': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "tolerations: [{key: 1}]", "at '/tolerations/0/key': got number")
	requireRefused(t, dir, "ports: [http]", "at '/ports/0': got string, want integer")
}

func TestADottedKeyIsOneKey(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
attributes:
  "k8s.node.ip": x
  k8s.pod.uid: y
`})
	requireTaken(t, dir, `attributes: {"k8s.node.ip": z}`)
	requireRefused(t, dir, "attributes: {k8s: {node: {ip: z}}}", "at '/attributes/k8s': value must be 'absent: the keys here are ")
}

func TestARequiredKeyMustBeThere(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
auth:
  # @schema required:true
  mode: secret
# @schema required:true;type:string
region:
`})
	requireTaken(t, dir, "region: eu-central-1")
	requireRefused(t, dir, "", "region") // Helm 3 keeps the null default, Helm 4 drops it.
	requireRefused(t, dir, "{region: r, auth: {mode: null}}", "at '/auth': missing property 'mode'")
}

func TestAnchorsAliasesAndMergeKeysAreDeclaredWhereTheyLand(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
base: &base
  depth: 1
  size: {max: 1}
same: *base
more:
  <<: *base
  depth: deep
`})
	requireTaken(t, dir, "{same: {depth: 2}, more: {depth: x, size: {max: 2}}}")
	requireRefused(t, dir, "same: {deph: 2}", "at '/same/deph': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "more: {depth: 2}", "at '/more/depth': got number, want string")
	requireRefused(t, dir, "more: {size: {mx: 2}}", "at '/more/size/mx': value must be 'absent: the keys here are ")
}

func TestAChartWithoutValuesTakesOnlyWhatHelmHandsDown(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "only comments": "# nothing\n", "null": "---\n"} {
		t.Run(name, func(t *testing.T) {
			dir := chartWith(t, map[string]string{"values.yaml": content})
			requireTaken(t, dir, "{global: {anything: 1}, enabled: false}")
			requireRefused(t, dir, "replicas: 1", "at '/replicas': value must be 'absent: the keys here are ")
		})
	}
}

// umbrella is a chart with a strict schema around a subchart with a strict schema.
var umbrella = map[string]string{
	"Chart.yaml": `
apiVersion: v2
name: shop
version: 0.1.0
dependencies: [{name: db, version: 0.1.0, condition: db.enabled}]
`,
	"values.yaml": `
global:
  aws:
    region: ""
db:
  size: 5
`,
	"charts/db/Chart.yaml": "{apiVersion: v2, name: db, version: 0.1.0}",
	"charts/db/values.yaml": `
global:
  # @schema enum:[fast, cheap]
  class: fast
size: 1
queue:
  # @schema required:true
  max: 10
  # @schema allOf:[{required: [min]}]
  bounds: {min: 1}
free: {}
`,
}

func TestAStrictSubchartInsideAStrictChartTakesItsDefaults(t *testing.T) {
	dir := chartWith(t, umbrella)
	requireTaken(t, dir, "")
	requireTaken(t, dir, "{global: {aws: {region: r}, class: cheap}, db: {enabled: true, size: 2, queue: {max: 1}, free: {a: 1}}}")
	requireTaken(t, dir, "db: {global: {other: {charts: global}}}")
	requireTaken(t, dir, "db: {size: null, queue: {bounds: {min: 2}}}")
}

func TestAStrictSubchartInsideAStrictChartRefusesMistakesWithTheirPath(t *testing.T) {
	dir := chartWith(t, umbrella)
	requireRefused(t, dir, "db: {queue: {mx: 1}}", "shop:", "at '/db/queue/mx': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "db: {sise: 1}", "at '/db/sise': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "db: {size: big}", "at '/db/size': got string, want integer")
	requireRefused(t, dir, "db: {enabled: 'yes'}", "at '/db/enabled': got string, want boolean")
	requireRefused(t, dir, "global: {aws: {regoin: r}}", "at '/global/aws/regoin': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "global: {awz: {}}", "at '/global/awz': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "global: {class: best}", "at '/global/class': value must be one of 'fast', 'cheap'")
	requireRefused(t, dir, "db: {queue: {max: null}}", "db:", "at '/queue': missing property 'max'")
	requireRefused(t, dir, "db: {queue: {bounds: {min: null}}}", "db:", "at '/queue/bounds'", "missing property 'min'")
}

func TestASubchartThatIsSwitchedOffNeedsNoValues(t *testing.T) {
	dir := chartWith(t, umbrella)
	requireTaken(t, dir, "db: {enabled: false}")
	requireTaken(t, dir, "db: {enabled: false, queue: {bounds: {}}}")
	requireRefused(t, dir, "db: {enabled: false, sise: 1}", "at '/db/sise': value must be 'absent: the keys here are ")
}

func TestAChartMayBeTheSubchartOfAnyOther(t *testing.T) {
	dir := chartWith(t, umbrella)
	parent := t.TempDir()
	write(t, filepath.Join(parent, "Chart.yaml"), "{apiVersion: v2, name: platform, version: 0.1.0, dependencies: [{name: shop, version: 0.1.0, condition: shop.enabled}]}")
	write(t, filepath.Join(parent, "values.yaml"), "{global: {aws: {region: r}}, shop: {enabled: true}}")
	require.NoError(t, os.CopyFS(filepath.Join(parent, "charts", "shop"), os.DirFS(dir)))

	requireTaken(t, parent, "")
	requireRefused(t, parent, "shop: {db: {sise: 1}}", "shop:", "at '/db/sise': value must be 'absent: the keys here are ")
	requireRefused(t, parent, "global: {team: a}", "shop:", "at '/global/team': value must be 'absent: the keys here are ")

	t.Run("and with other charts' globals if it opens its own", func(t *testing.T) {
		write(t, filepath.Join(dir, "values.yaml"), "# @schema additionalProperties:true\nglobal:\n  aws:\n    # -- Region.\n    region: ''\n")
		open := loadAndGenerate(t, dir)
		write(t, filepath.Join(parent, "charts", "shop", "values.yaml"), "global: {aws: {region: ''}}\n")
		write(t, filepath.Join(parent, "charts", "shop", "values.schema.json"), open)
		requireTaken(t, parent, "global: {team: a}")
		requireRefused(t, parent, "global: {aws: {regoin: r}}", "shop:", "at '/global/aws/regoin': value must be 'absent: the keys here are ")
	})
}

func TestConditionsTagsAndAliasesOfDependenciesAreDeclared(t *testing.T) {
	dir := chartWith(t, map[string]string{
		"Chart.yaml": `
apiVersion: v2
name: shop
version: 0.1.0
dependencies:
  - {name: db, version: 0.1.0, alias: orders, condition: "orders.install,global.databases.on", tags: [storage]}
  - {name: db, version: 0.1.0, alias: users, condition: users.install}
`,
		"values.yaml":           "orders: {size: 2}\n",
		"charts/db/Chart.yaml":  "{apiVersion: v2, name: db, version: 0.1.0}",
		"charts/db/values.yaml": "size: 1\n",
	})
	requireTaken(t, dir, "{orders: {install: true, size: 3}, users: {install: false}, tags: {storage: true}, global: {databases: {on: true}}}")
	requireRefused(t, dir, "tags: {storge: true}", "at '/tags/storge': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "users: {sise: 1}", "at '/users/sise': value must be 'absent: the keys here are ")
	requireRefused(t, dir, "orders: {install: 1}", "at '/orders/install': got number, want boolean")
}

func TestValuesThatHelmImportsFromASubchartAreDeclared(t *testing.T) {
	dir := chartWith(t, map[string]string{
		"Chart.yaml": `
apiVersion: v2
name: shop
version: 0.1.0
dependencies:
  - name: db
    version: 0.1.0
    import-values: [ports, {child: server, parent: database.server}]
`,
		"values.yaml":           "database:\n  server:\n    name: own\n",
		"charts/db/Chart.yaml":  "{apiVersion: v2, name: db, version: 0.1.0}",
		"charts/db/values.yaml": "exports: {ports: {http: 80}}\nserver:\n  name: x\n  # @schema required:true\n  size: 1\n",
	})
	requireTaken(t, dir, "{http: 81, database: {server: {size: 2}}}")
	requireRefused(t, dir, "http: web", "at '/http': got string, want integer")
	requireRefused(t, dir, "database: {server: {sise: 2}}", "at '/database/server/sise': value must be 'absent: the keys here are ")
}

func TestADependencyWithoutItsSourceIsLeftToItsOwnSchema(t *testing.T) {
	dir := chartWith(t, map[string]string{
		"Chart.yaml": `
apiVersion: v2
name: shop
version: 0.1.0
dependencies: [{name: cache, version: 0.1.0, repository: "https://charts.example.com"}]
`,
		"values.yaml":                     "cache: {size: 2}\n",
		"charts/cache/Chart.yaml":         "{apiVersion: v2, name: cache, version: 0.1.0}",
		"charts/cache/values.yaml":        "size: 1\n",
		"charts/cache/values.schema.json": `{"properties": {"size": {"maximum": 10}}}`,
	})
	requireTaken(t, dir, "cache: {size: 3, undocumented: {a: 1}}")
	requireRefused(t, dir, "cache: {size: 11}", "cache:", "at '/size': maximum: got 11, want 10")

	kept, err := os.ReadFile(filepath.Join(dir, "charts/cache/values.schema.json"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"properties": {"size": {"maximum": 10}}}`, string(kept), "a vendored schema is its author's")
}

func TestTheSchemaIsOneDraft07DocumentWithoutReferences(t *testing.T) {
	dir := chartWith(t, umbrella)
	for _, file := range []string{"values.schema.json", "charts/db/values.schema.json"} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		assert.NotContains(t, string(content), "$ref")
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(content)))
		require.NoError(t, err)
		assert.Equal(t, "http://json-schema.org/draft-07/schema#", document.(map[string]any)["$schema"])

		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(jsonschema.SchemeURLLoader{}) // resolves nothing: no file, no network
		require.NoError(t, compiler.AddResource("mem:///schema", document))
		_, err = compiler.Compile("mem:///schema")
		require.NoError(t, err)
	}
}

func TestTheSchemaIsStableAndKeepsTheOrderOfTheValues(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": "z: 1\na: {x: 1, b: 2}\nm: <&>\n"})
	first := loadAndGenerate(t, dir)
	for range 10 {
		assert.Equal(t, first, loadAndGenerate(t, dir))
	}
	at := -1
	for _, key := range []string{`"z"`, `"a"`, `"x"`, `"b"`, `"m"`, `"<&>"`} {
		next := strings.Index(first, key)
		assert.Greater(t, next, at, "%s stands in the order of values.yaml, unescaped", key)
		at = next
	}
}

func TestDescriptionsAndSmallDefaultsAreCopied(t *testing.T) {
	dir := chartWith(t, map[string]string{"values.yaml": `
# -- Number of pods.
replicas: 2 # @schema deprecated:true
script: ` + strings.Repeat("x", 300) + `
list: [1, 2]
none: []
# @schema default:7
stated: 1
`})
	var document struct {
		Properties map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(loadAndGenerate(t, dir)), &document))
	assert.Equal(t, map[string]any{"description": "Number of pods.", "type": "integer", "default": 2.0, "deprecated": true}, document.Properties["replicas"])
	assert.NotContains(t, document.Properties["script"], "default")
	assert.NotContains(t, document.Properties["list"], "default")
	assert.Equal(t, []any{}, document.Properties["none"]["default"])
	assert.EqualValues(t, 7, document.Properties["stated"]["default"])
}

func loadAndGenerate(t *testing.T, dir string) string {
	t.Helper()
	chart, err := values.Load(dir)
	require.NoError(t, err)
	content, err := schema.Generate(chart)
	require.NoError(t, err)
	return string(content)
}
