package otelcol_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// adot is tools/collector/adot.yaml.
type adot struct {
	Version    string   `json:"version"`
	Contrib    string   `json:"contrib"`
	Core       string   `json:"core"`
	Receivers  []string `json:"receivers"`
	Processors []string `json:"processors"`
	Exporters  []string `json:"exporters"`
	Extensions []string `json:"extensions"`
}

func readADOT(t *testing.T) adot {
	t.Helper()
	data, err := os.ReadFile("../collector/adot.yaml")
	require.NoError(t, err)
	var list adot
	require.NoError(t, yaml.UnmarshalStrict(data, &list))
	return list
}

func build(t *testing.T) string {
	t.Helper()
	binary, err := otelcol.Build(t.Context(), t.Output())
	require.NoError(t, err)
	return binary
}

func TestEveryComponentIsInADOT(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), build(t), "components").Output()
	require.NoError(t, err)
	type component struct{ Name string }
	var built struct{ Receivers, Processors, Exporters, Extensions, Connectors []component }
	require.NoError(t, yaml.Unmarshal(out, &built))

	list := readADOT(t)
	for kind, pair := range map[string]struct {
		built []component
		adot  []string
	}{
		"receivers":  {built.Receivers, list.Receivers},
		"processors": {built.Processors, list.Processors},
		"exporters":  {built.Exporters, list.Exporters},
		"extensions": {built.Extensions, list.Extensions},
	} {
		assert.NotEmpty(t, pair.built, kind)
		for _, c := range pair.built {
			assert.Contains(t, pair.adot, c.Name, "%s: not in ADOT %s, so the chart's image would refuse it", kind, list.Version)
		}
	}
	assert.Empty(t, built.Connectors, "ADOT has no connectors")
}

func TestVersionsStandInOnePlace(t *testing.T) {
	list := readADOT(t)
	for _, name := range []string{"", "charts/collector/"} {
		data, err := os.ReadFile("../../charts/kyma-cloudwatch/" + name + "Chart.yaml")
		require.NoError(t, err)
		var chart struct{ AppVersion string }
		require.NoError(t, yaml.Unmarshal(data, &chart))
		assert.Equal(t, list.Version, chart.AppVersion, "%sChart.yaml: appVersion is the ADOT image's tag", name)
	}

	data, err := os.ReadFile("../collector/go.mod")
	require.NoError(t, err)
	mod, err := modfile.Parse("go.mod", data, nil)
	require.NoError(t, err)
	checked := 0
	for _, require := range mod.Require {
		path := require.Mod.Path
		// Components and the service that runs them; stable libraries of the core may be newer.
		component := strings.HasPrefix(path, "github.com/open-telemetry/opentelemetry-collector-contrib/") && !strings.Contains(path, "/internal/") ||
			strings.HasPrefix(path, "go.opentelemetry.io/collector/") && strings.HasPrefix(require.Mod.Version, "v0.")
		if component && !require.Indirect {
			checked++
			assert.Equal(t, list.Contrib, require.Mod.Version, path)
		}
	}
	assert.Greater(t, checked, 20)
}

func TestBuildIsCached(t *testing.T) {
	first := build(t)
	var progress bytes.Buffer
	second, err := otelcol.Build(t.Context(), &progress)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	assert.Empty(t, progress.String(), "a second build compiles nothing")
}

func TestFindPrefersTheEnvironment(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "mine")
	require.NoError(t, os.WriteFile(binary, nil, 0o755))
	t.Setenv(otelcol.EnvBinary, binary)
	found, err := otelcol.Find(t.Context(), t.Output())
	require.NoError(t, err)
	assert.Equal(t, binary, found)

	t.Setenv(otelcol.EnvBinary, binary+".gone")
	_, err = otelcol.Find(t.Context(), t.Output())
	require.ErrorContains(t, err, otelcol.EnvBinary+" names a collector that cannot be run")
}

func TestFindOutsideACheckoutSaysWhatToDo(t *testing.T) {
	t.Setenv(otelcol.EnvBinary, "")
	t.Chdir(t.TempDir())
	_, err := otelcol.Find(t.Context(), t.Output())
	require.ErrorContains(t, err, "run `make build` in a checkout")
}

// config receives OTLP on a free port and has its health on another.
func config(t *testing.T) (yaml, health string) {
	t.Helper()
	var ports [2]int
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ports[i] = listener.Addr().(*net.TCPAddr).Port
		defer listener.Close()
	}
	return fmt.Sprintf(`yaml:{receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%d"}}}}, exporters: {debug: {}},
  extensions: {health_check: {endpoint: "127.0.0.1:%d"}},
  service: {extensions: [health_check], pipelines: {traces: {receivers: [otlp], exporters: [debug]}}, telemetry: {metrics: {level: none}}}}`,
		ports[0], ports[1]), fmt.Sprintf("http://127.0.0.1:%d/", ports[1])
}

func TestACollectorStartsAndStops(t *testing.T) {
	binary := build(t)
	config, health := config(t)
	process, err := otelcol.Start(t.Context(), otelcol.Options{Binary: binary, Configs: []string{config}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, process.Ready(ctx, health))
	require.NoError(t, process.Stop(20*time.Second))
	<-process.Done()
	assert.Contains(t, process.Log(), "Shutdown complete")
}

func TestALaterConfigIsMergedOverTheEarlier(t *testing.T) {
	binary := build(t)
	config, health := config(t)
	process, err := otelcol.Start(t.Context(), otelcol.Options{Binary: binary, Configs: []string{config, "yaml:service::telemetry::logs::level: error"}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, process.Ready(ctx, health))
	require.NoError(t, process.Stop(20*time.Second))
	assert.Empty(t, process.Log(), "at level error nothing is written")
}

func TestARefusedConfigIsNamed(t *testing.T) {
	binary := build(t)
	bad := "yaml:{exporters: {awsemf: {sending_queue: {}}}}"
	require.ErrorContains(t, otelcol.Validate(t.Context(), otelcol.Options{Binary: binary, Configs: []string{bad}}), "sending_queue")

	process, err := otelcol.Start(t.Context(), otelcol.Options{Binary: binary, Configs: []string{bad}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = process.Ready(ctx, "http://127.0.0.1:1/")
	require.ErrorContains(t, err, "ended before it was ready")
	require.ErrorContains(t, err, "sending_queue")
}

func TestKillEndsAtOnce(t *testing.T) {
	binary := build(t)
	config, health := config(t)
	process, err := otelcol.Start(t.Context(), otelcol.Options{Binary: binary, Configs: []string{config}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, process.Ready(ctx, health))
	process.Kill()
	assert.NotContains(t, process.Log(), "Shutdown complete")
}
