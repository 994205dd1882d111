package helmcli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var releases = map[string]func(context.Context, io.Writer) (Helm, error){"v3.22.0": V3, "v4.3.1": V4}

func TestHelmReportsTheReleaseInGoMod(t *testing.T) {
	for version, build := range releases {
		helm, err := build(t.Context(), os.Stderr)
		require.NoError(t, err)
		assert.Equal(t, version, helm.Version)
		out, err := helm.Run(t.Context(), Environment(t.TempDir()), "version", "--template", "{{.Version}}")
		require.NoError(t, err)
		assert.Equal(t, version, strings.TrimSpace(out))
	}
}

func TestHelmAssumesTheKubernetesVersionOfItsRelease(t *testing.T) {
	chart := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(chart, "templates"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(chart, "Chart.yaml"), []byte("apiVersion: v2\nname: probe\nversion: 1.0.0\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(chart, "templates", "probe.yaml"), []byte("kube: {{ .Capabilities.KubeVersion.Version }}\n"), 0o644))
	for version, build := range releases {
		helm, err := build(t.Context(), os.Stderr)
		require.NoError(t, err)
		out, err := helm.Run(t.Context(), Environment(t.TempDir()), "template", chart)
		require.NoError(t, err)
		assert.Contains(t, out, "kube: v1.37.0", version) // both releases are made with client-go v0.37
	}
}

func TestHelmSeesNothingOfTheUsersSettings(t *testing.T) {
	t.Setenv("HELM_REPOSITORY_CONFIG", "/elsewhere/repositories.yaml")
	t.Setenv("HELM_NAMESPACE", "production")
	t.Setenv("KUBECONFIG", "/elsewhere/config")
	for version, build := range releases {
		helm, err := build(t.Context(), os.Stderr)
		require.NoError(t, err)
		dir := t.TempDir()
		out, err := helm.Run(t.Context(), Environment(dir), "env")
		require.NoError(t, err)
		for _, line := range strings.Split(out, "\n") {
			name, value, _ := strings.Cut(line, "=")
			value = strings.Trim(value, `"`)
			if filepath.IsAbs(value) && name != "HELM_BIN" {
				assert.True(t, strings.HasPrefix(value, dir), "%s: %s", version, line)
			}
		}
		assert.NotContains(t, out, "production")
	}
}

func TestAFailureOfHelmCarriesWhatHelmSays(t *testing.T) {
	helm, err := V3(t.Context(), os.Stderr)
	require.NoError(t, err)
	_, err = helm.Run(t.Context(), Environment(t.TempDir()), "template", filepath.Join(t.TempDir(), "nothing"))
	require.ErrorContains(t, err, "helm template")
	require.ErrorContains(t, err, "not found")
}

func TestBuildStopsWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := V3(ctx, nil)
	require.Error(t, err)
}
