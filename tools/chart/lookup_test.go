package chart_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// cluster is a cluster for Helm's own lookup.
type cluster struct{ *fake.FakeDynamicClient }

var clusterKinds = map[string]struct {
	resource   schema.GroupVersionResource
	namespaced bool
}{
	"v1/Secret":             {schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, true},
	"v1/Namespace":          {schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, false},
	"example.com/v1/Widget": {schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}, true},
	"rbac.authorization.k8s.io/v1/ClusterRole": {schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}, false},
}

func (c cluster) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	known, ok := clusterKinds[apiVersion+"/"+kind]
	if !ok {
		return nil, false, fmt.Errorf("unknown kind %s %s", apiVersion, kind)
	}
	return c.Resource(known.resource), known.namespaced, nil
}

func TestLookupFindsTheObjectsOfTheClusterAsHelmDoes(t *testing.T) {
	objects := []chart.Object{
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a", "namespace": "one"}, "data": map[string]any{"k": "dg=="}},
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "b", "namespace": "one"}},
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a", "namespace": "two"}},
		{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "one", "labels": map[string]any{"x": "y"}}},
		{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "w", "namespace": "one"}, "spec": map[string]any{"size": int64(3)}},
		{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "r"}},
	}
	template := `
{{- range $kind := list (list "v1" "Secret") (list "v1" "Namespace") (list "example.com/v1" "Widget") (list "rbac.authorization.k8s.io/v1" "ClusterRole") }}
{{- range $namespace := list "" "one" "two" "three" }}
{{- range $name := list "" "a" "b" "w" "one" "r" "nope" }}
{{- if or $name (not $namespace) (eq (index $kind 1) "Secret" "Widget") }}
{{- if or $namespace (not $name) (eq (index $kind 1) "Namespace" "ClusterRole") }}
{{ $kind }} {{ $namespace }} {{ $name }}: {{ $found := lookup (index $kind 0) (index $kind 1) $namespace $name }}{{ toJson $found }} {{ if not $found }}none{{ end }}
{{- if $found.metadata }}{{ $_ := set $found.metadata "changed" true }}{{ end }}
{{- end }}{{ end }}{{ end }}{{ end }}{{ end }}
`
	files := fstest.MapFS{
		"Chart.yaml":          {Data: []byte("apiVersion: v2\nname: asks\nversion: 1.0.0\n")},
		"templates/NOTES.txt": {Data: []byte(template)},
	}
	c, err := chart.LoadFS(files, ".")
	require.NoError(t, err)
	rendered, err := c.Render(nil, chart.Release{Name: "demo", Cluster: objects})
	require.NoError(t, err)

	lists := map[schema.GroupVersionResource]string{}
	for kind, known := range clusterKinds {
		lists[known.resource] = kind[strings.LastIndexByte(kind, '/')+1:] + "List"
	}
	var held []runtime.Object
	for _, object := range objects {
		held = append(held, &unstructured.Unstructured{Object: object})
	}
	client := cluster{fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, held...)}
	loaded, err := (&judge{files: buffered(files)}).load()
	require.NoError(t, err)
	values, err := chartutil.ToRenderValues(loaded, nil, chartutil.ReleaseOptions{Name: "demo"}, nil)
	require.NoError(t, err)
	want, err := engine.RenderWithClientProvider(loaded, values, client)
	require.NoError(t, err)
	// The version of a list counts the changes of a cluster.
	version := regexp.MustCompile(`"metadata":{"continue":"","resourceVersion":"\d+"}`)
	assert.Equal(t, version.ReplaceAllString(want["asks/templates/NOTES.txt"], `"metadata":{"resourceVersion":""}`), rendered.Notes)
	assert.Contains(t, rendered.Notes, `"data":{"k":"dg=="}`)

	again, err := c.Render(nil, chart.Release{Name: "demo", Cluster: objects})
	require.NoError(t, err)
	assert.Equal(t, rendered, again, "a template has changed the cluster")

	nothing, err := c.Render(nil, chart.Release{Name: "demo"})
	require.NoError(t, err)
	assert.NotContains(t, nothing.Notes, "apiVersion")
	inLint, err := c.Render(nil, chart.Release{Name: "demo", Cluster: objects, Lint: true})
	require.NoError(t, err)
	assert.Equal(t, nothing, inLint, "a linter has no cluster")
}
