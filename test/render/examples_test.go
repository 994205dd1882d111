package render

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gruntwork-io/terratest/modules/files"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/kyma"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/monitoring"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/charttest"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/kubeschema"
)

// example is one release of a folder in examples/.
type example struct {
	title    string // as "two-accounts/audit"
	install  install
	values   string // path of the values file
	rendered string // folder of the rendered objects
}

// helmArguments are those of helm template and helm install after the command.
func (e example) helmArguments() []string {
	return []string{e.install.name, e.install.chart, "--namespace", e.install.namespace, "--values", e.values}
}

// The release that the values.yaml of an example is installed as. The values-NAME.yaml beside it is
// installed as NAME.
const (
	exampleRelease   = "kyma-cloudwatch"
	exampleNamespace = "kyma-cloudwatch"
)

// firstReleases are the names of releases whose example has more than one.
var firstReleases = map[string]string{"two-accounts": "team"}

var examples = sync.OnceValues(func() ([]example, error) {
	valuesFiles, err := filepath.Glob(filepath.Join(repository, "examples", "*", "values*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []example
	for _, file := range valuesFiles {
		folder := filepath.Dir(file)
		values, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		e := example{
			title:    filepath.Base(folder),
			values:   file,
			rendered: filepath.Join(folder, "rendered"),
			install:  install{chart: chartPath, name: exampleRelease, namespace: exampleNamespace, values: string(values)},
		}
		release := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".yaml"), "values")
		release = strings.TrimPrefix(release, "-")
		if release == "" {
			release = firstReleases[e.title]
		}
		if release != "" {
			e.install.name = release
			e.title += "/" + release
			e.rendered = filepath.Join(e.rendered, release)
		}
		all = append(all, e)
	}
	return all, nil
})

// eachExample runs a test for every example, in parallel. A chart of the example's own gets its
// dependencies first, in a copy: they are no part of the repository.
func eachExample(t *testing.T, test func(t *testing.T, e example)) {
	t.Helper()
	all, err := examples()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, e := range all {
		t.Run(e.title, func(t *testing.T) {
			t.Parallel()
			if own := filepath.Join(filepath.Dir(e.values), "chart"); files.FileExists(own) {
				e.install.chart = withDependencies(t, own)
			}
			test(t, e)
		})
	}
}

// builtCharts are the copies of charts with their dependencies, by the chart's folder.
var (
	builtChartsLock sync.Mutex
	builtCharts     = map[string]func() (string, error){}
)

func withDependencies(t *testing.T, own string) string {
	t.Helper()
	builtChartsLock.Lock()
	build := builtCharts[own]
	if build == nil {
		build = sync.OnceValues(func() (string, error) { return buildDependencies(own) })
		builtCharts[own] = build
	}
	builtChartsLock.Unlock()
	built, err := build()
	require.NoError(t, err)
	return built
}

// buildDependencies copies the chart to where its file:// dependencies lead to the copied chart of
// the repository.
func buildDependencies(own string) (string, error) {
	root := filepath.Join(helmEnvironment["HELM_DATA_HOME"], "charts")
	relative, err := filepath.Rel(repository, own)
	if err != nil {
		return "", err
	}
	built := filepath.Join(root, relative)
	for from, to := range map[string]string{own: built, chartPath: filepath.Join(root, "charts", "kyma-cloudwatch")} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			return "", err
		}
	}
	// In the repository a link stands in for the dependency. What helm packages has to do, too.
	if err := os.RemoveAll(filepath.Join(built, "charts")); err != nil {
		return "", err
	}
	_, err = helm3.Run(context.Background(), helmEnvironment, "dependency", "update", built)
	return built, err
}

func TestExamplesAreWhatTheirRenderedFoldersShow(t *testing.T) {
	eachExample(t, func(t *testing.T, e example) {
		got, err := e.install.rendered(t)
		require.NoError(t, err)
		want := splitBySource(got.manifest)
		if notes := notes(t, e); notes != "" {
			want["NOTES.txt"] = notes
		}
		if charttest.Updating() {
			writeGoldens(t, e.rendered, want)
			return
		}
		compareGoldens(t, e.rendered, want)
	})
}

// notes returns what helm install prints at last. helm template does not tell, so Helm's SDK does.
func notes(t *testing.T, e example) string {
	t.Helper()
	loaded, err := chart.Load(e.install.chart)
	require.NoError(t, err)
	values, err := chart.Values([]string{e.values}, nil)
	require.NoError(t, err)
	rendered, err := loaded.Render(values, chart.Release{Name: e.install.name, Namespace: e.install.namespace})
	require.NoError(t, err)
	return rendered.Notes
}

func TestHelm4RendersTheSameObjectsAsHelm3(t *testing.T) {
	eachExample(t, func(t *testing.T, e example) {
		by3, err := e.install.rendered(t)
		require.NoError(t, err)
		manifest, err := helm4.Run(t.Context(), helmEnvironment, append([]string{"template"}, e.helmArguments()...)...)
		require.NoError(t, err)
		by4, err := parseObjects(manifest)
		require.NoError(t, err)
		for _, difference := range charttest.Differences(by3.objects, by4) {
			t.Error(difference)
		}
	})
}

func TestTheToolsRenderWhatHelmRenders(t *testing.T) {
	eachExample(t, func(t *testing.T, e example) {
		byHelm, err := e.install.rendered(t)
		require.NoError(t, err)
		loaded, err := chart.Load(e.install.chart)
		require.NoError(t, err)
		values, err := chart.Values([]string{e.values}, nil)
		require.NoError(t, err)
		rendered, err := loaded.Render(values, chart.Release{Name: e.install.name, Namespace: e.install.namespace})
		require.NoError(t, err)
		assert.Equal(t, strings.TrimSpace(byHelm.manifest), strings.TrimSpace(rendered.Manifest))
	})
}

func TestHelmLintFindsNothing(t *testing.T) {
	eachExample(t, func(t *testing.T, e example) {
		for _, helm := range []struct {
			version string
			run     func(args ...string) (string, error)
		}{
			{helm3.Version, func(args ...string) (string, error) { return helm3.Run(t.Context(), helmEnvironment, args...) }},
			{helm4.Version, func(args ...string) (string, error) { return helm4.Run(t.Context(), helmEnvironment, args...) }},
		} {
			out, err := helm.run("lint", "--strict", "--namespace", e.install.namespace, "--values", e.values, e.install.chart)
			require.NoError(t, err, "%s: %s", helm.version, out)
			assert.Contains(t, out, "0 chart(s) failed", helm.version)
			assert.NotContains(t, out, "[WARNING]", helm.version)
		}
	})
}

// validators check objects against each Kubernetes release.
var validators = sync.OnceValues(func() (map[string]*kubeschema.Validator, error) {
	operator, err := monitoring.CRDs(context.Background())
	if err != nil {
		return nil, err
	}
	all := map[string]*kubeschema.Validator{}
	for _, version := range kubeschema.Versions {
		v, err := kubeschema.New(context.Background(), kubeschema.Options{Version: version, CRDs: slices.Concat(kyma.CRDs(), operator), Progress: os.Stderr})
		if err != nil {
			return nil, err
		}
		all[version] = v
	}
	return all, nil
})

func TestEveryObjectFitsItsAPI(t *testing.T) {
	eachExample(t, func(t *testing.T, e example) {
		got, err := e.install.rendered(t)
		require.NoError(t, err)
		requireValid(t, got)
	})
}

// requireValid fails the test where a Kubernetes release of kubeschema.Versions, or an API server with
// Kyma's definitions, would refuse an object.
func requireValid(t *testing.T, r release) {
	t.Helper()
	all, err := validators()
	require.NoError(t, err)
	for version, v := range all {
		assert.Empty(t, v.Validate([]byte(r.manifest)), "Kubernetes %s", version)
	}
	for source, api := range pipelineAPIs(t) {
		for key, candidate := range r.objects {
			if kind, _, _ := strings.Cut(key, "/"); !strings.HasSuffix(kind, "Pipeline") {
				continue
			}
			manifest, err := yaml.Marshal(candidate)
			require.NoError(t, err)
			assert.Empty(t, api.Create(manifest), "%s by the definitions of %s", key, source)
		}
	}
}

var parsedPipelineAPIs = sync.OnceValues(func() (map[string]*kyma.API, error) {
	sources := map[string][][]byte{"this project": kyma.CRDs()}
	upstream, err := kyma.UpstreamCRDs(repository)
	if err != nil {
		return nil, err
	}
	if upstream != nil {
		sources["Kyma"] = upstream
	}
	apis := map[string]*kyma.API{}
	for source, crds := range sources {
		if apis[source], err = kyma.NewAPI(crds); err != nil {
			return nil, err
		}
	}
	return apis, nil
})

// pipelineAPIs are Kyma's definitions, the project's own and, where they are at hand, Kyma's.
func pipelineAPIs(t *testing.T) map[string]*kyma.API {
	t.Helper()
	apis, err := parsedPipelineAPIs()
	require.NoError(t, err)
	return apis
}

func TestEveryPodPassesPodSecurityRestricted(t *testing.T) {
	eachExample(t, func(t *testing.T, e example) {
		got, err := e.install.rendered(t)
		require.NoError(t, err)
		kinds := got.kinds()
		if kinds["StatefulSet"]+kinds["Deployment"] == 0 {
			t.Skip("it has no pods")
		}
		assert.Empty(t, podSecurityViolations(t, got.podTemplate(t)))
	})
}

// podSecurityViolations returns what the admission plugin's own checks hold against a pod in a
// namespace that enforces "restricted".
func podSecurityViolations(t *testing.T, template corev1.PodTemplateSpec) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	results := evaluator.EvaluatePod(psapi.LevelVersion{Level: psapi.LevelRestricted, Version: psapi.LatestVersion()}, &template.ObjectMeta, &template.Spec)
	var violations []string
	for _, result := range results {
		if !result.Allowed {
			violations = append(violations, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return violations
}

func TestThePodSecurityChecksSeeAViolation(t *testing.T) {
	template := render(t, "").podTemplate(t)
	require.Empty(t, podSecurityViolations(t, template))
	template.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
	template.Spec.HostNetwork = true
	violations := podSecurityViolations(t, template)
	assert.Len(t, violations, 2)
	assert.True(t, slices.ContainsFunc(violations, func(v string) bool { return strings.Contains(v, "host namespaces") }), violations)
}
