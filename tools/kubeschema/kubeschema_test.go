package kubeschema

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// proxyFolder makes a module proxy, as a folder, that serves one version of k8s.io/kubernetes with
// nothing but the OpenAPI document given.
func proxyFolder(t *testing.T, version, swagger string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "k8s.io", "kubernetes", "@v")
	require.NoError(t, os.MkdirAll(dir, 0o755))

	const goMod = "module k8s.io/kubernetes\n\ngo 1.26.0\n"
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range map[string]string{"go.mod": goMod, "api/openapi-spec/swagger.json": swagger} {
		f, err := w.Create("k8s.io/kubernetes@" + version + "/" + name)
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	for name, content := range map[string]string{
		version + ".info": `{"Version":"` + version + `"}`,
		version + ".mod":  goMod,
		version + ".zip":  archive.String(),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	return root
}

func useProxy(t *testing.T, folder string) {
	t.Helper()
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(folder)+",direct")
	t.Setenv("GONOSUMDB", "k8s.io/kubernetes") // the checksum database knows no such module
	t.Setenv("GOFLAGS", "-mod=vendor")         // what a user may have set must not matter
}

const tinySwagger = `{"definitions": {
  "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object", "properties": {"name": {"type": "string"}}},
  "io.k8s.api.core.v1.Tree": {"type": "object", "properties": {
      "branches": {"type": "array", "items": {"$ref": "#/definitions/io.k8s.api.core.v1.Tree"}}}},
  "io.k8s.api.core.v1.Forest": {"type": "object", "required": ["tree"],
    "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Forest"}],
    "properties": {
      "apiVersion": {"type": "string"}, "kind": {"type": "string"},
      "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
      "tree": {"$ref": "#/definitions/io.k8s.api.core.v1.Tree"}}}
}}`

func TestDirMakesTheSchemasOnceAndKeepsNothingElse(t *testing.T) {
	useProxy(t, proxyFolder(t, "v1.99.0", tinySwagger))
	root := t.TempDir()

	var progress bytes.Buffer
	dir, err := dirIn(t.Context(), root, "v1.99.0", &progress)
	require.NoError(t, err)
	assert.Contains(t, progress.String(), "1 kinds of Kubernetes v1.99.0")
	assert.FileExists(t, filepath.Join(dir, "forest-v1.json"))
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the downloaded module is removed")

	t.Setenv("GOPROXY", "off")
	progress.Reset()
	again, err := dirIn(t.Context(), root, "v1.99.0", &progress)
	require.NoError(t, err)
	assert.Equal(t, dir, again)
	assert.Empty(t, progress.String(), "the second call makes nothing")
}

func TestDirLeavesNothingBehindWhenTheVersionDoesNotExist(t *testing.T) {
	useProxy(t, proxyFolder(t, "v1.99.0", tinySwagger))
	root := t.TempDir()
	_, err := dirIn(t.Context(), root, "v1.98.0", nil)
	require.ErrorContains(t, err, "k8s.io/kubernetes@v1.98.0")
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestDirRefusesADocumentWithoutKinds(t *testing.T) {
	useProxy(t, proxyFolder(t, "v1.99.0", `{"definitions": {}}`))
	_, err := dirIn(t.Context(), t.TempDir(), "v1.99.0", nil)
	require.ErrorContains(t, err, "it defines no kinds")
}

func TestDirStopsWhenTheContextEnds(t *testing.T) {
	useProxy(t, proxyFolder(t, "v1.99.0", tinySwagger))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root := t.TempDir()
	_, err := dirIn(ctx, root, "v1.99.0", nil)
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestDirNeedsAModuleProxy(t *testing.T) {
	t.Setenv("GOPROXY", "direct")
	_, err := dirIn(t.Context(), t.TempDir(), "v1.99.0", nil)
	require.ErrorContains(t, err, `run "go env -u GOPROXY"`)
}

func TestADefinitionThatContainsItselfIsCheckedAtEveryDepth(t *testing.T) {
	useProxy(t, proxyFolder(t, "v1.99.0", tinySwagger))
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache) // where the cache is on macOS
	v, err := New(t.Context(), Options{Version: "v1.99.0"})
	require.NoError(t, err)

	forest := func(leaf string) []byte {
		return []byte("apiVersion: v1\nkind: Forest\nmetadata: {name: black}\ntree: {branches: [{branches: [{branches: [" + leaf + "]}]}]}\n")
	}
	assert.Empty(t, v.Validate(forest("{}")))
	assert.NotEmpty(t, v.Validate(forest("{leaves: 3}")))
}

const goodObjects = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: collector, labels: {a: b}}
spec:
  serviceName: collector
  replicas: 2
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers:
        - name: collector
          image: example/collector:1
          resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {cpu: 2, memory: 1.5Gi}}
          livenessProbe: {httpGet: {port: health, path: /}}
  volumeClaimTemplates:
    - metadata: {name: queue}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
# a comment only
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: collector}
spec: {maxUnavailable: 25%, selector: {matchLabels: {a: b}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: collector}
spec: {podSelector: {}, egress: [{ports: [{port: 443}, {port: https}]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: aws}
data: {key: c2VjcmV0}
`

func TestEveryReleaseTakesGoodObjects(t *testing.T) {
	for _, version := range Versions {
		v, err := New(t.Context(), Options{Version: version, Progress: os.Stderr})
		require.NoError(t, err)
		assert.Empty(t, v.Validate([]byte(goodObjects)), version)
	}
}

func TestEveryReleaseNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ from, to, path, message string }{
		"an unknown field":           {"replicas: 2", "replica: 2", "/spec", "'replica'"},
		"a field at the wrong depth": {"image: example/collector:1", "image: example/collector:1\n          hostNetwork: true", "/spec/template/spec/containers/0", "'hostNetwork'"},
		"a missing field":            {"selector: {matchLabels: {a: b}}\n  template", "template", "/spec", "'selector'"},
		"a wrong type":               {"replicas: 2", "replicas: '2'", "/spec/replicas", "want integer"},
		"a number beyond int32":      {"replicas: 2", "replicas: 3000000000", "/spec/replicas", "maximum"},
		"a malformed quantity":       {"memory: 256Mi", "memory: 256MB", "/spec/template/spec/containers/0/resources/requests/memory", "does not match pattern"},
		"an empty value":             {"replicas: 2", "replicas:", "/spec/replicas", "got null"},
		"a value that is no base64":  {"key: c2VjcmV0", "key: secret!", "/data/key", "does not match pattern"},
		"a boolean label":            {"labels: {a: b}}\n    spec", "labels: {a: yes}}\n    spec", "/spec/template/metadata/labels/a", "want string"},
		"no name of the kind's case": {"kind: StatefulSet", "kind: statefulset", "/kind", "'StatefulSet'"},
		"a kind that is not there":   {"policy/v1", "policy/v9", "", "could not find schema for PodDisruptionBudget"},
		"a field twice":              {"replicas: 2", "replicas: 2\n  replicas: 3", "", "already set"},
		"no metadata":                {"metadata: {name: aws}\n", "", "", "'metadata'"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(goodObjects, c.from, c.to, 1)
			require.NotEqual(t, goodObjects, bad)
			for _, version := range Versions {
				v, err := New(t.Context(), Options{Version: version, Progress: os.Stderr})
				require.NoError(t, err)
				problems := v.Validate([]byte(bad))
				if assert.Len(t, problems, 1, version) {
					assert.Equal(t, c.path, problems[0].Path)
					assert.Contains(t, problems[0].Message, c.message)
				}
			}
		})
	}
}

func TestAProblemNamesItsObject(t *testing.T) {
	v, err := New(t.Context(), Options{Version: Versions[0], Progress: os.Stderr})
	require.NoError(t, err)
	problems := v.Validate([]byte(strings.Replace(goodObjects, "replicas: 2", "replicas: two", 1)))
	require.Len(t, problems, 1)
	assert.Equal(t, "apps/v1 StatefulSet collector /spec/replicas: got string, want integer", problems[0].String())
}

const lampCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lamps.example.com}
spec:
  group: example.com
  names: {kind: Lamp, plural: lamps}
  scope: Cluster
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            apiVersion: {type: string}
            kind: {type: string}
            metadata: {type: object}
            spec:
              type: object
              description: What the lamp is like.
              required: [colour]
              properties:
                colour: {type: string, enum: [red, green]}
                power: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
                shade: {type: string, nullable: true}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: string}}}
`

func TestObjectsOfACRDAreChecked(t *testing.T) {
	v, err := New(t.Context(), Options{Version: Versions[0], CRDs: [][]byte{[]byte(lampCRD)}, Progress: os.Stderr})
	require.NoError(t, err)
	lamp := func(spec string) []byte {
		return []byte("apiVersion: example.com/v1beta1\nkind: Lamp\nmetadata: {name: desk}\nspec: " + spec + "\n")
	}
	assert.Empty(t, v.Validate(lamp("{colour: red, power: 5, shade: null, free: {known: a, other: [1]}}")))
	assert.Empty(t, v.Validate(lamp("{colour: red, power: 50%}")))
	for spec, path := range map[string]string{
		"{colour: blue}":                  "/spec/colour",
		"{color: red, colour: red}":       "/spec",
		"{power: 5}":                      "/spec",
		"{colour: red, power: [5]}":       "/spec/power",
		"{colour: red, free: {known: 1}}": "/spec/free/known",
	} {
		problems := v.Validate(lamp(spec))
		if assert.Len(t, problems, 1, spec) {
			assert.Equal(t, path, problems[0].Path, spec)
		}
	}
	problems := v.Validate(bytes.Replace(lamp("{colour: red}"), []byte("name: desk"), []byte("name: desk, label: {a: b}"), 1))
	require.Len(t, problems, 1)
	assert.Equal(t, "/metadata", problems[0].Path)
}

func TestAMalformedCRDIsNamed(t *testing.T) {
	for crd, message := range map[string]string{
		strings.Replace(lampCRD, "scope:", "scop:", 1):        `malformed: error unmarshaling JSON: while decoding JSON: json: unknown field "scop"`,
		"apiVersion: v1\nkind: Secret\nmetadata: {name: aws}": "Secret aws is no CustomResourceDefinition",
	} {
		_, err := New(t.Context(), Options{Version: Versions[0], CRDs: [][]byte{[]byte(crd)}, Progress: os.Stderr})
		assert.ErrorContains(t, err, message)
	}
}
