package chart_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/helmcli"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// sample is what the helm command is asked to render: each difficult chart as it is and with some generated values,
// the umbrella chart with the values of each example.
func sample(t *testing.T, generated int) map[string][][]byte {
	all := map[string][][]byte{}
	for _, s := range subjects(t, nasty(t)) {
		all[s.name] = [][]byte{[]byte("{}\n")}
		for seed := range uint64(generated) {
			text, err := mutator{rand.New(rand.NewPCG(seed, 3))}.generate(s.bases)
			require.NoError(t, err)
			all[s.name] = append(all[s.name], text)
		}
	}
	own := &subject{}
	addExamples(t, own)
	all["kyma-cloudwatch"] = own.bases
	return all
}

// command renders by a helm command. An error is what it prints after "Error: ", without the advice at its end.
func command(t *testing.T, helm helmcli.Helm, env map[string]string, chart string, values []byte) (string, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, values, 0o644))
	out, err := helm.Run(t.Context(), env, "template", "demo", chart, "--namespace", "aws", "--kube-version", "1.36.3", "--values", file)
	if err == nil {
		return out, ""
	}
	_, message, ok := strings.Cut("\n"+err.Error(), "Error: ")
	require.True(t, ok, "%v", err)
	return "", strings.TrimSpace(strings.TrimSuffix(message, "\n\nUse --debug flag to render out invalid YAML"))
}

func TestTheHelmCommandPrintsTheSame(t *testing.T) {
	helm, err := helmcli.V3(context.Background(), os.Stderr)
	require.NoError(t, err)
	assert.Equal(t, chart.HelmVersion, helm.Version)
	env := helmcli.Environment(t.TempDir())
	folders := nasty(t)
	folders["kyma-cloudwatch"] = umbrella
	count := 0
	all := sample(t, 2)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c, err := chart.Load(folders[name])
		require.NoError(t, err)
		for _, text := range all[name] {
			values, err := parse(text)
			require.NoError(t, err)
			want, message := command(t, helm, env, folders[name], text)
			got, err := c.Render(values, chart.Release{Name: "demo", Namespace: "aws", KubeVersion: "1.36.3"})
			count++
			if err != nil {
				assert.Equal(t, normalized(message), normalized(strings.TrimSpace(err.Error())), "%s with\n%s", name, text)
				continue
			}
			require.Empty(t, message, "%s with\n%s", name, text)
			assert.Equal(t, want, got.Manifest, "%s with\n%s", name, text)
		}
	}
	t.Logf("%d renderings are those of the helm command %s", count, helm.Version)
}

func TestTheHelmCommandAssumesTheSameKubernetes(t *testing.T) {
	helm, err := helmcli.V3(context.Background(), os.Stderr)
	require.NoError(t, err)
	folder := nasty(t)["capabilities"]
	want, err := helm.Run(t.Context(), helmcli.Environment(t.TempDir()), "template", "demo", folder, "--namespace", "aws")
	require.NoError(t, err)
	c, err := chart.Load(folder)
	require.NoError(t, err)
	got, err := c.Render(nil, chart.Release{Name: "demo", Namespace: "aws"})
	require.NoError(t, err)
	assert.Equal(t, want, got.Manifest)
}

func normalized(message string) string {
	if strings.Contains(message, "values don't meet the specifications") {
		return sortedMessage(message)
	}
	return message
}

// inHelm4 is what Helm 4.3.1 renders otherwise, by chart of testdata/nasty, as the package's documentation says.
var inHelm4 = map[string]string{
	"aliases":      "a subchart under several names has its dependencies and import-values each time",
	"capabilities": ".Capabilities.HelmVersion",
	"conversions":  ".Chart as YAML or JSON has the names of Go fields",
	"dependencies": "sortAlpha does not sort .Chart.Keywords itself",
	"hooks":        "a separator that directly follows another is one",
	"keys":         "null in a chart's own values is dropped",
	"v1":           ".Chart as YAML or JSON has the names of Go fields",
	"whitespace":   "a separator that directly follows another is one",
}

func TestWhatHelm4RendersOtherwiseIsKnown(t *testing.T) {
	helm, err := helmcli.V4(context.Background(), os.Stderr)
	require.NoError(t, err)
	env := helmcli.Environment(t.TempDir())
	folders := nasty(t)
	folders["kyma-cloudwatch"] = umbrella
	all := sample(t, 0)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c, err := chart.Load(folders[name])
		require.NoError(t, err)
		for _, text := range all[name] {
			values, err := parse(text)
			require.NoError(t, err)
			theirs, message := command(t, helm, env, folders[name], text)
			ours, err := c.Render(values, chart.Release{Name: "demo", Namespace: "aws", KubeVersion: "1.36.3"})
			if err != nil {
				assert.NotEmpty(t, message, "%s: Helm 4 renders it", name)
				continue
			}
			require.Empty(t, message, name)
			// Helm 4 leaves the blank space at the end of a document.
			same := slices.Equal(documentsOf(theirs), documentsOf(ours.Manifest))
			if reason, known := inHelm4[name]; known {
				assert.False(t, same, "Helm 4 no longer differs in %s: %s", name, reason)
			} else {
				assert.True(t, same, "%s: %s", name, firstDifference(strings.Join(documentsOf(theirs), "\n---\n"), strings.Join(documentsOf(ours.Manifest), "\n---\n")))
			}
		}
	}
}

func documentsOf(manifest string) []string {
	split := releaseutil.SplitManifests(manifest)
	keys := slices.Collect(maps.Keys(split))
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	var documents []string
	for _, key := range keys {
		documents = append(documents, split[key])
	}
	return documents
}
