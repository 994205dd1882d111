// Package charttest tests Helm charts in Go: it renders a chart in milliseconds, as `helm template` does, and hands out
// its objects, to be judged with testify or anything else.
//
//	func TestMyChart(t *testing.T) {
//		shop := charttest.Load(t, "charts/shop")
//		r := shop.Render(t, "replicas: 3")
//		deployment := charttest.Get[appsv1.Deployment](t, r, "demo-shop")
//		assert.EqualValues(t, 3, *deployment.Spec.Replicas)
//		r.Golden(t, "testdata/shop.yaml")
//		shop.Refuses(t, "port is missing", "service: {port: null}")
//	}
//
// Which branches of the templates the tests take is shown by `chartkit cover --from`, see
// [github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart.CoverDirVariable].
package charttest

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

var update = flag.Bool("update", false, "write golden files instead of comparing them")

// Chart is a chart under test. It may be rendered by parallel tests.
type Chart struct {
	// Release is what renderings are told. A copy of the Chart with another Release renders for that one.
	Release chart.Release

	chart *chart.Chart
}

// Load reads the chart in a folder or a .tgz file, for releases "demo" in namespace "default".
func Load(t testing.TB, path string) *Chart {
	t.Helper()
	c, err := chart.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Chart{Release: chart.Release{Name: "demo", Namespace: "default"}, chart: c}
}

// Render renders values, each a YAML text of which later ones win as later values files do. The test ends if the chart
// refuses them.
func (c *Chart) Render(t testing.TB, values ...string) *Rendered {
	t.Helper()
	r, err := c.render(t, values)
	if err != nil {
		t.Fatalf("%s: %v", describe(values), err)
	}
	return r
}

// Refuses fails the test unless the chart refuses values with just this message: what required or fail say, without the
// position before it and without blank space around it, or else the whole message of Helm.
func (c *Chart) Refuses(t testing.TB, message string, values ...string) {
	t.Helper()
	_, err := c.render(t, values)
	if err == nil {
		t.Errorf("%s: it is rendered, and should be refused: %s", describe(values), message)
		return
	}
	if got := messageOf(err); got != strings.TrimSpace(message) {
		t.Errorf("%s: it is refused with\n%s\nand should be with\n%s", describe(values), got, strings.TrimSpace(message))
	}
}

// Table renders each of the values in a subtest of its name.
func (c *Chart) Table(t *testing.T, table map[string]string, check func(t *testing.T, r *Rendered)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			check(t, c.Render(t, table[name]))
		})
	}
}

// Versions runs a subtest for each of the Kubernetes versions, such as "1.34.0", with the chart rendered for it.
func (c *Chart) Versions(t *testing.T, versions []string, check func(t *testing.T, c *Chart)) {
	t.Helper()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Helper()
			of := *c
			of.Release.KubeVersion = version
			check(t, &of)
		})
	}
}

func (c *Chart) render(t testing.TB, values []string) (*Rendered, error) {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, text := range values {
		file := filepath.Join(dir, fmt.Sprintf("values-%d.yaml", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	merged, err := chart.Values(files, nil)
	if err != nil {
		t.Fatalf("%s: %v", describe(values), err)
	}
	rendered, err := c.chart.Render(merged, c.Release)
	if err != nil {
		return nil, err
	}
	objects, err := rendered.Objects()
	if err != nil {
		return nil, err
	}
	return &Rendered{Rendered: *rendered, Objects: objects}, nil
}

func describe(values []string) string {
	return "values " + strings.Join(strings.Fields(strings.Join(values, " --- ")), " ")
}

var position = regexp.MustCompile(`^execution error at \([^)]*\): `)

func messageOf(err error) string {
	return strings.TrimSpace(position.ReplaceAllString(err.Error(), ""))
}

// Rendered is what a chart renders.
type Rendered struct {
	chart.Rendered
	// Objects in the order of the manifest.
	Objects []chart.Object
}

// Find returns the object of a kind and a name, or nil. An empty name finds the only one of the kind.
func (r *Rendered) Find(kind, name string) chart.Object {
	var found []chart.Object
	for _, object := range r.Objects {
		if object.Kind() == kind && (name == "" || object.Name() == name) {
			found = append(found, object)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// Get returns the object of a Go type such as [k8s.io/api/apps/v1.Deployment], whose name is its kind. The test ends if
// there is none, or several and no name, or if the object has a field that the type does not have.
func Get[T any](t testing.TB, r *Rendered, name string) *T {
	t.Helper()
	kind := reflect.TypeFor[T]().Name()
	object := r.Find(kind, name)
	if object == nil {
		t.Fatalf("no %s %s is rendered, or several; there are: %s", kind, name, strings.Join(r.names(), ", "))
	}
	into := new(T)
	if err := object.Decode(into); err != nil {
		t.Fatal(err)
	}
	return into
}

func (r *Rendered) names() []string {
	var names []string
	for _, object := range r.Objects {
		names = append(names, object.Kind()+" "+object.Name())
	}
	return names
}

// Data returns what a ConfigMap has under a key, parsed from YAML into a type of the test's choice: a configuration as
// a struct, or map[string]any.
func Data[T any](t testing.TB, r *Rendered, configMap, key string) T {
	t.Helper()
	var into T
	object := r.Find("ConfigMap", configMap)
	data, _ := object["data"].(map[string]any)
	text, ok := data[key].(string)
	if !ok {
		t.Fatalf("no ConfigMap %s with %s is rendered; there are: %s", configMap, key, strings.Join(r.names(), ", "))
	}
	if err := yaml.Unmarshal([]byte(text), &into); err != nil {
		t.Fatalf("ConfigMap %s, %s: %v", configMap, key, err)
	}
	return into
}

// Golden compares the objects with those in a file and names each field that differs; order and layout do not count.
// With the flag -update of go test it writes the file.
func (r *Rendered) Golden(t testing.TB, file string) {
	t.Helper()
	if Updating() {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(r.Manifest), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v; run go test with -update to write it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := (&chart.Rendered{Manifest: string(text)}).Objects()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, difference := range Differences(byName(want), byName(r.Objects)) {
		t.Errorf("%s: %s; if that is meant, run go test with -update", file, difference)
	}
}

// Updating is whether go test was given -update, a flag that this package defines: one that imports it must not.
func Updating() bool {
	return *update
}

// byName has the objects under "Kind/name", a second one of the same under "Kind/name 2".
func byName(objects []chart.Object) map[string]any {
	named := map[string]any{}
	for _, object := range objects {
		key := object.Kind() + "/" + object.Name()
		for n := 2; named[key] != nil; n++ {
			key = fmt.Sprintf("%s/%s %d", object.Kind(), object.Name(), n)
		}
		named[key] = map[string]any(object)
	}
	return named
}
