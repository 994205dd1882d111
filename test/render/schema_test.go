package render

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// mistyped is a values file with one key or one value that cannot be right.
type mistyped struct {
	path   string // of the key that must be named, as "collector.image.tga"
	values string
}

// everyTypo misspells each key that stands in the values.yaml of the chart and its subcharts, once.
func everyTypo(t *testing.T) []mistyped {
	var typos []mistyped
	var walk func(path string, values object)
	walk = func(path string, values object) {
		for _, key := range sortedKeys(values) {
			if at, _ := strings.CutPrefix(path+"."+key, "."); at != "" {
				// Two letters the wrong way round, or one too many where that changes nothing.
				typo := key + "s"
				if n := len(key); n > 2 && key[n-1] != key[n-2] {
					typo = key[:n-2] + key[n-1:] + key[n-2:n-1]
				}
				wrong := strings.TrimPrefix(path+"."+typo, ".")
				value, err := json.Marshal(values[key])
				require.NoError(t, err)
				typos = append(typos, mistyped{wrong, nest(wrong, string(value))})
				if below, ok := values[key].(object); ok {
					walk(at, below)
				}
			}
		}
	}
	walk("", allValues(t))
	return typos
}

// everyWrongType gives each value that stands in the values.yaml of the chart and its subcharts another type.
func everyWrongType(t *testing.T) []mistyped {
	var wrong []mistyped
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if path != "" {
			other := "[1]"
			switch value.(type) {
			case bool:
				other = `"yes"`
			case float64:
				other = "many"
			case []any:
				other = "{a: b}"
			case nil:
				other = "maybe"
			}
			wrong = append(wrong, mistyped{path, nest(path, other)})
		}
		if below, ok := value.(object); ok {
			for _, key := range sortedKeys(below) {
				walk(strings.TrimPrefix(path+"."+key, "."), below[key])
			}
		}
	}
	walk("", allValues(t))
	return wrong
}

// allValues are those of the chart, with those of the subcharts below their names.
func allValues(t *testing.T) object {
	t.Helper()
	read := func(file string) object {
		data, err := os.ReadFile(filepath.Join(chartPath, file))
		require.NoError(t, err)
		var values object
		require.NoError(t, yaml.Unmarshal(data, &values))
		return values
	}
	all := read("values.yaml")
	for _, subchart := range []string{"collector", "pipelines"} {
		for key, value := range read(filepath.Join("charts", subchart, "values.yaml")) {
			all[subchart].(object)[key] = value
		}
	}
	return all
}

// names is how Helm says where in the values something is wrong. It has other words for the values of a subchart
// that are no map, and templates/_checks.tpl for what stands directly under global.
func (m mistyped) names() []string {
	names := []string{"at '/" + strings.ReplaceAll(m.path, ".", "/") + "'", "type mismatch on " + m.path + ":"}
	if section, key, ok := strings.Cut(m.path, "."); ok && section == "global" && !strings.Contains(key, ".") {
		names = append(names, m.path+" is not a value of this chart")
	}
	return names
}

func (m mistyped) isNamed(message string) bool {
	return slices.ContainsFunc(m.names(), func(name string) bool { return strings.Contains(message, name) })
}

// byTools renders in this process, with the schemas' validation by Helm's own code.
func byTools(t *testing.T) func(values string) error {
	t.Helper()
	loaded, err := chart.Load(chartPath)
	require.NoError(t, err)
	var base object
	require.NoError(t, yaml.Unmarshal([]byte(minimal), &base))
	return func(values string) error {
		merged, err := chart.Values(valuesFiles(t, minimal+"\n---\n"+values), nil)
		require.NoError(t, err)
		_, err = loaded.Render(merged, chart.Release{Name: releaseName, Namespace: namespace})
		return err
	}
}

func TestATypoInAnyKeyIsRefusedAndNamed(t *testing.T) {
	typos := everyTypo(t)
	assert.Greater(t, len(typos), 150)
	render := byTools(t)
	require.NoError(t, render(""))
	for _, typo := range typos {
		err := render(typo.values)
		if assert.Error(t, err, "%s is accepted", typo.path) {
			assert.True(t, typo.isNamed(err.Error()), "%s is not named in: %v", typo.path, err)
			assert.Regexp(t, `the keys here are \w|Under global it knows: \w`, err.Error(), "%s: the right key is among those", typo.path)
		}
	}
}

func TestAWrongTypeOfAnyValueIsRefusedAndNamed(t *testing.T) {
	wrong := everyWrongType(t)
	assert.Greater(t, len(wrong), 150)
	render := byTools(t)
	for _, value := range wrong {
		err := render(value.values)
		if assert.Error(t, err, "%s is accepted", value.values) {
			assert.True(t, value.isNamed(err.Error()), "%s is not named in: %v", value.path, err)
		}
	}
}

// names that Kubernetes or AWS refuse, where the schema can say so.
var wrongNames = map[string][]string{
	"global.clusterName":                         {"''", "my cluster", "prod/eu", strings.Repeat("c", 64)},
	"global.fullnameOverride":                    {"Otel", "9otel", "otel-", "a.b", strings.Repeat("a", 41)},
	"global.aws.auth.secret.name":                {"AWS", "aws_credentials", "aws/credentials"},
	"global.aws.auth.secret.accessKeyId":         {"'AKIA EXAMPLE'", `"AKIAEXAMPLE\n"`},
	"global.aws.auth.secret.secretAccessKey":     {`"hush\n"`, "'hu sh'"},
	"global.aws.auth.secret.keys.accessKeyId":    {"''", "access key", "access/key"},
	"global.aws.auth.secret.keys.sessionToken":   {"session token"},
	"global.aws.auth.webIdentity.audience":       {"''"},
	"global.aws.auth.externalId":                 {"a", "two words"},
	"global.metrics.namespace":                   {"''", "':Kyma'", "My Metrics", "Größe", strings.Repeat("n", 256)},
	"global.metrics.logGroup":                    {"/kyma/a b", "/kyma/*", "/kyma/a:b", strings.Repeat("g", 513)},
	"global.metrics.logStream":                   {"''", "a:b", "a*", strings.Repeat("s", 513)},
	"global.metrics.retentionDays":               {"-1", "2", "31"},
	"global.metrics.dimensions":                  {"[a, a]", "[1]", "[" + strings.TrimSuffix(strings.Repeat("x%d, ", 31), ", ") + "]"},
	"global.metrics.declarations":                {"[{dimensions: [[a]]}]", "[{dimensions: [[a]], metric_name_selectors: []}]", "[{dimensions: [[a]], metric_name_selectors: ['(']}]", "[{dimensions: [[a]], metric_name_selectors: [a], label_matchers: [{label_names: [a]}]}]"},
	"global.metrics.descriptors":                 {"[{metric_name: a, unit: count}]", "[{unit: Count}]"},
	"global.logs.logGroup":                       {"'/kyma/{k8s.pod.name}'"},
	"global.logs.logStream":                      {"''", "a:b", "a*"},
	"global.logs.retentionDays":                  {"8"},
	"collector.replicas":                         {"0", "-1", "1.5"},
	"collector.persistence.size":                 {"10", "10GB", "ten"},
	"collector.persistence.storageClass":         {"My Class"},
	"collector.serviceAccount.name":              {"My_Account"},
	"collector.priorityClassName":                {"High Priority"},
	"collector.networkPolicy.senderNamespaces":   {"[]", "[Kyma]", "[kyma.system]"},
	"collector.image.digest":                     {"sha256:12", "latest"},
	"collector.receiver.maxConnectionAge":        {"5", "5 minutes"},
	"pipelines.traces.name":                      {"My.Traces", "aws_xray", "-x", strings.Repeat("t", 64)},
	"pipelines.metrics.name":                     {"a.b"},
	"pipelines.logs.name":                        {"A"},
	"pipelines.metrics.input.runtime.namespaces": {"{include: [a], exclude: [b]}", "{only: [a]}"},
	"pipelines.logs.fluentbit.streamName":        {"''", "a:b", "a*"},
	"pipelines.logs.fluentbit.streamTemplate":    {`"$tag\nlog_group_name other"`},
}

func TestNamesThatKubernetesOrAWSRefuseAreRefusedBefore(t *testing.T) {
	render := byTools(t)
	for path, values := range wrongNames {
		for _, value := range values {
			for n := 0; strings.Contains(value, "x%d"); n++ {
				value = strings.Replace(value, "x%d", fmt.Sprintf("x%d", n), 1)
			}
			err := render(nest(path, value))
			if assert.Error(t, err, "%s: %s is accepted", path, value) {
				assert.Contains(t, err.Error(), "at '/"+strings.ReplaceAll(path, ".", "/"), value)
			}
		}
	}
}

// sample is one mistake of each kind and depth for the real commands.
func sample() []mistyped {
	var chosen []mistyped
	for _, path := range []string{"globals", "global.cluster", "global.aws.auth.secret.nmae", "collector.persistence.sise", "pipelines.metrics.input.runtime.resources.pod.enable", "collector.resources.limits.memroy"} {
		chosen = append(chosen, mistyped{path, nest(path, "a")})
	}
	for path, value := range map[string]string{"collector.replicas": "many", "global.traces.enabled": `"no"`, "pipelines.logs.transform": "a", "global.metrics.dimensions": "{}"} {
		chosen = append(chosen, mistyped{path, nest(path, value)})
	}
	return chosen
}

func TestHelm3AndHelm4RefuseTyposAndWrongTypesAlike(t *testing.T) {
	for _, mistake := range sample() {
		t.Run(mistake.path, func(t *testing.T) {
			t.Parallel()
			by3 := refusal(t, mistake.values)
			assert.True(t, mistake.isNamed(by3), by3)
			arguments := []string{"template", releaseName, chartPath, "--namespace", namespace}
			for _, file := range valuesFiles(t, minimal+"\n---\n"+mistake.values) {
				arguments = append(arguments, "--values", file)
			}
			out, err := helm4.Run(t.Context(), helmEnvironment, arguments...)
			require.Error(t, err)
			assert.Empty(t, out, "nothing half-written")
			assert.True(t, mistake.isNamed(err.Error()), err)
		})
	}
}

func TestHelmInstallRefusesWhatHelmTemplateRefuses(t *testing.T) {
	// Helm 3 asks for the cluster's version and APIs before it looks at the values, even in a dry run.
	answers := map[string]string{
		"/version": `{"major": "1", "minor": "36", "gitVersion": "v1.36.3"}`,
		"/api":     `{"kind": "APIVersions", "versions": []}`,
		"/apis":    `{"kind": "APIGroupList", "apiVersion": "v1", "groups": []}`,
	}
	cluster := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method, "nothing may be written: %s", r.URL)
		answer, known := answers[r.URL.Path]
		if !known {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer)
	}))
	defer cluster.Close()
	install := func(run func(ctx context.Context, env map[string]string, args ...string) (string, error), values string) (string, error) {
		arguments := []string{"install", releaseName, chartPath, "--namespace", namespace, "--dry-run=client", "--kube-apiserver", cluster.URL}
		for _, file := range valuesFiles(t, minimal+"\n---\n"+values) {
			arguments = append(arguments, "--values", file)
		}
		return run(t.Context(), helmEnvironment, arguments...)
	}
	for version, run := range map[string]func(ctx context.Context, env map[string]string, args ...string) (string, error){helm3.Version: helm3.Run, helm4.Version: helm4.Run} {
		if version == helm4.Version {
			out, err := install(run, "")
			require.NoError(t, err, version)
			assert.Contains(t, out, "kind: StatefulSet", version)
		} else {
			// It takes the values, and would then ask the cluster about each object's kind.
			_, err := install(run, "")
			require.ErrorContains(t, err, "unable to build kubernetes objects from release manifest", version)
		}

		_, err := install(run, "collector: {persistence: {sise: 1Gi}}")
		require.ErrorContains(t, err, "at '/collector/persistence/sise': value must be 'absent: the keys here are enabled, size, storageClass, whenDeleted'", version)
		_, err = install(run, "collector: {replicas: many}")
		require.ErrorContains(t, err, "at '/collector/replicas': got string, want null or integer", version)
		_, err = install(run, "global: {logs: {via: fluentbit, exporter: otlp}}")
		require.ErrorContains(t, err, `global.logs.exporter is "otlp", but global.logs.via is "fluentbit"`, version)
	}
}
