package chart_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"helm.sh/helm/v3/pkg/action"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

func TestMain(m *testing.M) {
	// Helm warns of values that do not fit, which generated ones seldom do.
	log.SetOutput(io.Discard)
	// What the Makefile of Helm 3.22.0 sets in the command.
	chartutil.DefaultCapabilities.HelmVersion.Version = chart.HelmVersion
	os.Exit(m.Run())
}

// judge renders a chart by Helm's SDK. It loads the chart anew each time, as a rendering changes it.
type judge struct {
	files []*loader.BufferedFile
}

// newJudge reads a chart with Helm's loader.
func newJudge(name string) (*judge, error) {
	loaded, err := loader.Load(name)
	if err != nil {
		return nil, err
	}
	j := &judge{}
	for _, file := range loaded.Raw {
		j.files = append(j.files, &loader.BufferedFile{Name: file.Name, Data: file.Data})
	}
	return j, nil
}

// buffered are the files of a chart in memory.
func buffered(files fstest.MapFS) []*loader.BufferedFile {
	var all []*loader.BufferedFile
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, &loader.BufferedFile{Name: name, Data: files[name].Data})
	}
	return all
}

func (j *judge) load() (*helmchart.Chart, error) {
	loaded, err := loader.LoadFiles(j.files)
	if err == nil {
		sortSubcharts(loaded)
	}
	return loaded, err
}

// sortSubcharts makes the order of subcharts in a folder, in which Helm reads them as a Go map gives them, one of
// those that it may have.
func sortSubcharts(c *helmchart.Chart) {
	subcharts := slices.Clone(c.Dependencies())
	slices.SortStableFunc(subcharts, func(a, b *helmchart.Chart) int {
		return strings.Compare(a.Name()+" "+a.Metadata.Version, b.Name()+" "+b.Metadata.Version)
	})
	c.SetDependencies(subcharts...)
	for _, subchart := range subcharts {
		sortSubcharts(subchart)
	}
}

// render does what runInstall and newTemplateCmd of Helm's command do.
func (j *judge) render(values map[string]any, r chart.Release) (*chart.Rendered, error) {
	loaded, err := j.load()
	if err != nil {
		return nil, err
	}
	if kind := loaded.Metadata.Type; kind != "" && kind != "application" {
		return nil, fmt.Errorf("%s charts are not installable", kind)
	}
	if dependencies := loaded.Metadata.Dependencies; dependencies != nil {
		if err := action.CheckDependencies(loaded, dependencies); err != nil {
			return nil, fmt.Errorf("An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: %w", err)
		}
	}
	version := r.KubeVersion
	if version == "" {
		version = chart.DefaultKubeVersion
	}
	kubeVersion, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, err
	}
	if r.Strict || r.Lint {
		return j.renderAsLint(loaded, values, r, kubeVersion)
	}
	install := action.NewInstall(&action.Configuration{
		Capabilities: chartutil.DefaultCapabilities,
		Releases:     storage.Init(driver.NewMemory()),
		KubeClient:   &fake.PrintingKubeClient{Out: io.Discard},
		Log:          func(string, ...any) {},
	})
	install.ReleaseName, install.Namespace, install.IsUpgrade = r.Name, r.Namespace, r.Upgrade
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	install.KubeVersion, install.APIVersions, install.IncludeCRDs = kubeVersion, r.APIVersions, r.IncludeCRDs
	done, err := install.Run(loaded, values)
	if err != nil {
		return nil, err
	}
	return print(done.Manifest, done.Hooks, done.Info.Notes), nil
}

func print(manifest string, hooks []*release.Hook, notes string) *chart.Rendered {
	var printed bytes.Buffer
	fmt.Fprintln(&printed, strings.TrimSpace(manifest))
	for _, hook := range hooks {
		fmt.Fprintf(&printed, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return &chart.Rendered{Manifest: printed.String(), Notes: notes}
}

// renderAsLint has Helm's engine render strictly or for a linter, which the install action cannot.
func (j *judge) renderAsLint(loaded *helmchart.Chart, values map[string]any, r chart.Release, version *chartutil.KubeVersion) (*chart.Rendered, error) {
	if err := chartutil.ProcessDependenciesWithMerge(loaded, values); err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	options := chartutil.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: !r.Upgrade, IsUpgrade: r.Upgrade}
	merged, err := chartutil.ToRenderValues(loaded, values, options, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: r.Strict, LintMode: r.Lint}.Render(loaded, merged)
	if err != nil {
		return nil, err
	}
	return assemble(loaded, files)
}

func assemble(loaded *helmchart.Chart, files map[string]string) (*chart.Rendered, error) {
	notes := files[path.Join(loaded.Name(), "templates", "NOTES.txt")]
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var manifest strings.Builder
	for _, m := range manifests {
		fmt.Fprintf(&manifest, "---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	return print(manifest.String(), hooks, notes), nil
}

// sameError compares messages. The JSON schema validator reports siblings in the order of a Go map.
func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Error() == b.Error() {
		return true
	}
	return strings.Contains(a.Error(), "values don't meet the specifications") && sortedMessage(a.Error()) == sortedMessage(b.Error())
}

func sortedMessage(message string) string {
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		if before, list, ok := strings.Cut(line, "additional properties "); ok {
			list, after, _ := strings.Cut(list, " not allowed")
			names := strings.Split(list, ", ")
			slices.Sort(names)
			lines[i] = before + strings.Join(names, ", ") + after
		}
		// The validator overwrites the location of this one while it goes on.
		if _, name, ok := strings.Cut(line, ": invalid propertyName "); ok {
			lines[i] = name
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// rendering is a way to render: plainly, or with its coverage recorded.
type rendering func(values map[string]any, r chart.Release) (*chart.Rendered, error)

// compare fails when the two do not render the same, or not the same error. It returns whether it was an error.
func compare(c rendering, j *judge, values, again map[string]any, r chart.Release) (bool, error) {
	want, wantErr := j.render(values, r)
	got, gotErr := c(again, r)
	if !sameError(wantErr, gotErr) {
		return true, fmt.Errorf("Helm's error:\n%v\nours:\n%v", wantErr, gotErr)
	}
	if wantErr == nil {
		want.Manifest, got.Manifest = withoutRandom(want.Manifest), withoutRandom(got.Manifest)
	}
	if wantErr == nil && *want != *got {
		return false, fmt.Errorf("differs at %s", firstDifference(want.Manifest+"\x00"+want.Notes, got.Manifest+"\x00"+got.Notes))
	}
	return wantErr != nil, nil
}

// random is what the charts with mariadb in Helm's sources get from randAlphaNum.
var random = regexp.MustCompile(`(mariadb-(?:(?:root-|replication-)?password: "|test-))[^"]+`)

func withoutRandom(manifest string) string {
	return random.ReplaceAllString(manifest, "$1")
}

func firstDifference(want, got string) string {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("byte %d:\nHelm: ...%q\nours: ...%q", i, want[from:min(len(want), i+200)], got[from:min(len(got), i+200)])
}

// nasty unpacks the archives of testdata/nasty, one chart each.
func nasty(t testing.TB) map[string]string {
	t.Helper()
	archives, err := filepath.Glob("testdata/nasty/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	charts := map[string]string{}
	for _, archive := range archives {
		parsed, err := txtar.ParseFile(archive)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(archive), ".txtar")
		charts[name] = filepath.Join(t.TempDir(), name)
		for _, file := range parsed.Files {
			target := filepath.Join(charts[name], filepath.FromSlash(file.Name))
			require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
			require.NoError(t, os.WriteFile(target, file.Data, 0o644))
		}
	}
	return charts
}
