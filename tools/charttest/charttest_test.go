package charttest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/charttest"
)

// foreign makes a chart as helm create does.
func foreign(t testing.TB) string {
	t.Helper()
	folder, err := chartutil.Create("shop", t.TempDir())
	require.NoError(t, err)
	return folder
}

// Example tests a chart made by helm create: in a test, t is its own.
func Example() {
	t := &testing.T{}
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	if _, err := chartutil.Create("shop", folder); err != nil {
		panic(err)
	}

	shop := charttest.Load(t, filepath.Join(folder, "shop"))
	r := shop.Render(t, "replicaCount: 3")
	deployment := charttest.Get[appsv1.Deployment](t, r, "demo-shop")
	assert.EqualValues(t, 3, *deployment.Spec.Replicas)
	fmt.Println(deployment.Name, *deployment.Spec.Replicas, r.Find("Ingress", "") == nil)
	// Output: demo-shop 3 true
}

func TestAForeignChartIsTestedInTenLines(t *testing.T) {
	shop := charttest.Load(t, foreign(t))
	shop.Table(t, map[string]string{"port 80": "service: {port: 80}", "port 8080": "service: {port: 8080}"}, func(t *testing.T, r *charttest.Rendered) {
		service := charttest.Get[corev1.Service](t, r, "")
		assert.Equal(t, "TestAForeignChartIsTestedInTenLines/port_"+fmt.Sprint(service.Spec.Ports[0].Port), t.Name())
	})
	var seen []string
	shop.Versions(t, []string{"1.34.0", "1.36.3"}, func(t *testing.T, c *charttest.Chart) {
		seen = append(seen, c.Release.KubeVersion)
		assert.NotEmpty(t, c.Render(t).Objects)
	})
	assert.Equal(t, []string{"1.34.0", "1.36.3"}, seen)
	assert.Empty(t, shop.Release.KubeVersion)
}

// recorder is a test that notes what it is told, and panics where a test would end.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); panic(r) }
func (r *recorder) Fatal(args ...any)                 { r.said = append(r.said, fmt.Sprint(args...)); panic(r) }

// said runs what should fail a test and returns what the test is told.
func said(t *testing.T, fails func(t testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		fails(r)
	}()
	require.NotEmpty(t, r.said, "nothing fails")
	return strings.Join(r.said, "\n")
}

const checked = `
{{- $port := required "port is missing" .Values.port -}}
{{- if gt (int $port) 65535 }}{{ fail (printf "\n\nport is %v, write at most 65535\n" $port) }}{{ end -}}
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  config.yaml: |
    port: {{ $port }}
    hosts: [a, b]
`

func small(t testing.TB) *charttest.Chart {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "templates"), 0o755))
	for name, text := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: small\nversion: 1.0.0\n", "templates/all.yaml": checked,
		"values.schema.json": `{"properties": {"port": {"type": ["integer", "null"]}}}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return charttest.Load(t, dir)
}

func TestRefusalsAreComparedToTheLetter(t *testing.T) {
	c := small(t)
	c.Refuses(t, "port is missing")
	c.Refuses(t, "port is 70000, write at most 65535", "port: 70000")
	c.Refuses(t, "values don't meet the specifications of the schema(s) in the following chart(s):\nsmall:\n- at '/port': got string, want null or integer\n", "port: many")

	assert.Contains(t, said(t, func(t testing.TB) { c.Refuses(t, "port", "{}") }), "it is refused with\nport is missing\nand should be with\nport")
	assert.Contains(t, said(t, func(t testing.TB) { c.Refuses(t, "port is missing", "port: 1") }), "values port: 1: it is rendered")
	assert.Contains(t, said(t, func(t testing.TB) { c.Render(t) }), "port is missing")
	assert.Contains(t, said(t, func(t testing.TB) { c.Render(t, "a: [") }), "values a: [: ")
	assert.Contains(t, said(t, func(t testing.TB) { charttest.Load(t, "gone") }), "no chart at gone")
}

func TestObjectsAndTheirConfigurationsAreTyped(t *testing.T) {
	r := small(t).Render(t, "port: 1", "port: 2")
	type config struct {
		Port  int      `json:"port"`
		Hosts []string `json:"hosts"`
	}
	assert.Equal(t, config{2, []string{"a", "b"}}, charttest.Data[config](t, r, "a", "config.yaml"))
	assert.Equal(t, "a", charttest.Get[corev1.ConfigMap](t, r, "").Name)
	assert.Nil(t, r.Find("ConfigMap", "b"))

	assert.Contains(t, said(t, func(t testing.TB) { charttest.Get[corev1.Secret](t, r, "s") }), "no Secret s is rendered, or several; there are: ConfigMap a")
	assert.Contains(t, said(t, func(t testing.TB) { charttest.Data[config](t, r, "a", "x") }), "no ConfigMap a with x")
	assert.Contains(t, said(t, func(t testing.TB) { charttest.Data[[]int](t, r, "a", "config.yaml") }), "ConfigMap a, config.yaml: ")
	r.Objects = append(r.Objects, chart.Object{"kind": "Secret", "spce": 1, "metadata": map[string]any{"name": "s"}})
	assert.Contains(t, said(t, func(t testing.TB) { charttest.Get[corev1.Secret](t, r, "s") }), "Secret s: ")
}

func TestGoldensNameTheFieldThatDiffers(t *testing.T) {
	c := small(t)
	file := filepath.Join(t.TempDir(), "deep", "golden.yaml")
	assert.Contains(t, said(t, func(t testing.TB) { c.Render(t, "port: 1").Golden(t, file) }), "-update to write it")

	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("metadata: {name: a}\nkind: ConfigMap\ndata:\n  config.yaml: |\n    port: 1\n    hosts: [a, b]\napiVersion: v1\n"), 0o644))
	c.Render(t, "port: 1").Golden(t, file)
	assert.Contains(t, said(t, func(t testing.TB) { c.Render(t, "port: 2").Golden(t, file) }), "golden.yaml: ConfigMap/a.data.config.yaml.port: 1 became 2; ")
}

// TestGoldenIsWritten runs in a process of its own, with -update, for TestUpdateWritesGoldens.
func TestGoldenIsWritten(t *testing.T) {
	file := os.Getenv("GOLDEN")
	if file == "" {
		t.Skip("only in a process of its own")
	}
	small(t).Render(t, "port: 7").Golden(t, file)
}

func TestUpdateWritesGoldens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "golden.yaml")
	cmd := exec.Command(os.Args[0], "-test.run", "^TestGoldenIsWritten$", "-update")
	cmd.Env = append(os.Environ(), "GOLDEN="+file)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	small(t).Render(t, "port: 7").Golden(t, file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), "# Source: small/templates/all.yaml\n")
}
