package render

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/gruntwork-io/terratest/modules/shell"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The release that the suites install, where they don't say otherwise.
const (
	releaseName = "cw"
	namespace   = "observability"
)

// minimal is the least that has to be given; the suites add to it.
const minimal = `
global:
  aws:
    region: eu-central-1
    auth:
      secret:
        name: aws-credentials
`

// noSecret is the least with credentials from elsewhere.
const noSecret = `
global:
  aws:
    region: eu-central-1
`

// release is what a chart renders to.
type release struct {
	manifest string
	objects  map[string]object // by kind and name, as "StatefulSet/cw-collector"
}

type object = map[string]any

// install asks for a rendering. Two that are equal are rendered once in a test binary.
type install struct {
	chart     string
	name      string
	namespace string
	values    string // files, separated by the line "---"
	arguments string // further arguments of helm template, separated by spaces
}

type outcome struct {
	release release
	err     error
}

var (
	outcomesLock sync.Mutex
	outcomes     = map[install]func() outcome{}
)

// rendered returns the outcome of helm template, by Helm 3 and terratest.
func (i install) rendered(t *testing.T) (release, error) {
	outcomesLock.Lock()
	once := outcomes[i]
	if once == nil {
		once = sync.OnceValue(func() outcome {
			got, err := i.template(t)
			return outcome{got, err}
		})
		outcomes[i] = once
	}
	outcomesLock.Unlock()
	got := once()
	return got.release, got.err
}

func (i install) template(t *testing.T) (release, error) {
	options := &helm.Options{
		ValuesFiles:    valuesFiles(t, i.values),
		KubectlOptions: k8s.NewKubectlOptions("", "", i.namespace),
		EnvVars:        helmEnvironment,
		Logger:         logger.Discard,
	}
	// Not the test's own context: the outcome is shared with tests that end later.
	manifest, err := helm.RenderTemplateContextE(t, context.Background(), options, i.chart, i.name, nil, strings.Fields(i.arguments)...)
	i.renderByEngine(t, options.ValuesFiles, manifest, err)
	if err != nil {
		var failed *shell.ErrWithCmdOutput
		if errors.As(err, &failed) {
			return release{}, errors.New(strings.TrimSpace(failed.Output.Stderr()))
		}
		return release{}, err
	}
	objects, err := parseObjects(manifest)
	return release{manifest: manifest, objects: objects}, err
}

// valuesFiles writes each of the documents to a file.
func valuesFiles(t *testing.T, documents string) []string {
	dir := t.TempDir()
	var files []string
	for n, document := range strings.Split(documents, "\n---\n") {
		file := filepath.Join(dir, fmt.Sprintf("values-%d.yaml", n))
		require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
		files = append(files, file)
	}
	return files
}

func parseObjects(manifest string) (map[string]object, error) {
	objects := map[string]object{}
	for _, document := range strings.Split("\n"+manifest, "\n---") {
		document += "\n" // the separator's: without it a last block of text would lose its own
		var parsed object
		// Strict: an object with a key twice is refused by an API server too.
		if err := yaml.UnmarshalStrict([]byte(document), &parsed); err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		if len(parsed) == 0 {
			continue
		}
		metadata, _ := parsed["metadata"].(object)
		key := fmt.Sprintf("%v/%v", parsed["kind"], metadata["name"])
		if _, twice := objects[key]; twice {
			return nil, fmt.Errorf("%s is rendered twice", key)
		}
		objects[key] = parsed
	}
	return objects, nil
}

// render returns what the chart renders to with the values added to minimal.
func render(t *testing.T, values string) release {
	t.Helper()
	return renderOver(t, minimal, values)
}

func renderOver(t *testing.T, base, values string) release {
	t.Helper()
	got, err := install{chart: chartPath, name: releaseName, namespace: namespace, values: base + "\n---\n" + values}.rendered(t)
	require.NoError(t, err)
	return got
}

// refusal returns what helm says to values that must be refused, added to minimal.
func refusal(t *testing.T, values string) string {
	t.Helper()
	return refusalOver(t, minimal, values)
}

func refusalOver(t *testing.T, base, values string) string {
	t.Helper()
	_, err := install{chart: chartPath, name: releaseName, namespace: namespace, values: base + "\n---\n" + values}.rendered(t)
	require.Error(t, err)
	return err.Error()
}

// kinds counts the objects of each kind.
func (r release) kinds() map[string]int {
	counts := map[string]int{}
	for key := range r.objects {
		kind, _, _ := strings.Cut(key, "/")
		counts[kind]++
	}
	return counts
}

// only returns the release's object of a kind that it has once.
func (r release) only(t *testing.T, kind string) object {
	t.Helper()
	var found []object
	for key, candidate := range r.objects {
		if strings.HasPrefix(key, kind+"/") {
			found = append(found, candidate)
		}
	}
	require.Len(t, found, 1, "objects of kind %s among %v", kind, r.kinds())
	return found[0]
}

// typed returns the release's only object of a kind as its Go type; a field that the type does not
// have fails the test.
func typed[T any](t *testing.T, r release, kind string) *T {
	t.Helper()
	data, err := yaml.Marshal(r.only(t, kind))
	require.NoError(t, err)
	into := new(T)
	require.NoError(t, yaml.UnmarshalStrict(data, into))
	return into
}

// collectorConfig returns the configuration that the collector reads.
func (r release) collectorConfig(t *testing.T) object {
	t.Helper()
	config := typed[corev1.ConfigMap](t, r, "ConfigMap").Data["config.yaml"]
	var parsed object
	require.NoError(t, yaml.UnmarshalStrict([]byte(config), &parsed))
	return parsed
}

// at returns the value at a path of keys, and nil where there is none.
func at(from any, path ...string) any {
	for _, key := range path {
		values, ok := from.(object)
		if !ok {
			return nil
		}
		from = values[key]
	}
	return from
}

// podSpec returns the pod template of the workload, StatefulSet or Deployment.
func (r release) podTemplate(t *testing.T) corev1.PodTemplateSpec {
	t.Helper()
	kind := "StatefulSet"
	if r.kinds()[kind] == 0 {
		kind = "Deployment"
	}
	data, err := yaml.Marshal(at(r.only(t, kind), "spec", "template"))
	require.NoError(t, err)
	var template corev1.PodTemplateSpec
	require.NoError(t, yaml.UnmarshalStrict(data, &template))
	return template
}

// env returns the environment of the collector's container: literal values, and "Secret NAME KEY" or
// the field's path where the value is a reference.
func (r release) env(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, variable := range r.podTemplate(t).Spec.Containers[0].Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
			value = fmt.Sprintf("Secret %s %s", from.SecretKeyRef.Name, from.SecretKeyRef.Key)
		} else if from != nil && from.FieldRef != nil {
			value = from.FieldRef.FieldPath
		}
		require.NotContains(t, env, variable.Name, "set twice")
		env[variable.Name] = value
	}
	return env
}
