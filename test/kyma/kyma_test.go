package kyma

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"sigs.k8s.io/yaml"
)

// repository is this package's way to the repository's root.
const repository = "../.."

func manifest(kind, spec string) []byte {
	return []byte("apiVersion: telemetry.kyma-project.io/v1beta1\nkind: " + kind + "\nmetadata: {name: cloudwatch, labels: {a: b}}\nspec: " + spec + "\n")
}

// good are pipelines that Kyma accepts.
var good = map[string]struct{ kind, spec string }{
	"traces":                     {"TracePipeline", `{output: {otlp: {endpoint: {value: "http://collector.ns:4317"}}}}`},
	"traces over HTTP":           {"TracePipeline", `{output: {otlp: {protocol: http, path: /v1/traces, endpoint: {value: "http://collector.ns:4318"}}}}`},
	"traces, all in transit":     {"TracePipeline", `{transform: [{conditions: [a], statements: [b]}], filter: [{conditions: [c]}], output: {otlp: {compression: gzip, endpoint: {value: x}, tls: {insecure: true}}}}`},
	"traces with credentials":    {"TracePipeline", `{output: {otlp: {endpoint: {valueFrom: {secretKeyRef: {name: a, namespace: b, key: c}}}, headers: [{name: h, value: v}, {name: i, prefix: Bearer, valueFrom: {secretKeyRef: {name: a, namespace: b, key: c}}}], authentication: {basic: {user: {value: u}, password: {value: p}}}, tls: {cert: {value: c}, key: {value: k}, ca: {value: a}, insecureSkipVerify: true}}}}`},
	"metrics":                    {"MetricPipeline", `{output: {otlp: {endpoint: {value: x}}}}`},
	"metrics from everywhere":    {"MetricPipeline", `{input: {runtime: {enabled: true, namespaces: {include: [default]}, resources: {pod: {enabled: true}, container: {enabled: true}, node: {enabled: false}, volume: {enabled: true}, daemonset: {enabled: true}, deployment: {enabled: true}, statefulset: {enabled: true}, job: {enabled: true}}}, prometheus: {enabled: true, namespaces: {exclude: [a, b]}, diagnosticMetrics: {enabled: true}}, istio: {enabled: true, namespaces: {exclude: []}, diagnosticMetrics: {enabled: false}, envoyMetrics: {enabled: true}}, otlp: {enabled: false, namespaces: {include: [a]}}}, output: {otlp: {temporality: delta, endpoint: {value: x}}}}`},
	"logs by OTLP":               {"LogPipeline", `{input: {runtime: {}}, output: {otlp: {endpoint: {value: x}}}}`},
	"logs by OTLP, all":          {"LogPipeline", `{transform: [{statements: [b]}], filter: [{conditions: [c]}], input: {otlp: {enabled: true, namespaces: {include: [a]}}, runtime: {enabled: true, keepOriginalBody: false, namespaces: {exclude: [kyma-system]}, containers: {include: [app]}}}, output: {otlp: {protocol: grpc, endpoint: {value: x}}}}`},
	"logs by Fluent Bit":         {"LogPipeline", `{input: {runtime: {enabled: true, dropLabels: true, keepAnnotations: true}}, files: [{name: f, content: c}], filters: [{custom: "Name grep"}], variables: [{name: V, valueFrom: {secretKeyRef: {name: a, namespace: b, key: c}}}], output: {custom: "name cloudwatch_logs"}}`},
	"logs by HTTP":               {"LogPipeline", `{input: {runtime: {}}, output: {http: {host: {value: h}, port: "443", uri: /logs}}}`},
	"a namespace of one letter":  {"LogPipeline", `{input: {runtime: {namespaces: {include: ["n"]}}}, output: {otlp: {endpoint: {value: x}}}}`},
	"a null in place of a field": {"TracePipeline", `{filter: null, output: {otlp: {endpoint: {value: x}}}}`},
}

// bad are pipelines that Kyma refuses. Every rule of the own definitions is broken by one of them.
var bad = map[string]struct{ kind, spec, path, message string }{
	"an unknown field":                {"TracePipeline", `{input: {}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input", "unknown field"},
	"a misspelt field":                {"MetricPipeline", `{output: {otlp: {endpoint: {value: x}, temporalty: delta}}}`, "spec.output.otlp.temporalty", "unknown field"},
	"a field of v1alpha1":             {"LogPipeline", `{input: {application: {}, runtime: {}}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input.application", "unknown field"},
	"no output":                       {"TracePipeline", `{}`, "spec.output", "Required value"},
	"no otlp output for traces":       {"TracePipeline", `{output: {}}`, "spec.output.otlp", "Required value"},
	"no otlp output for metrics":      {"MetricPipeline", `{output: {}}`, "spec.output.otlp", "Required value"},
	"no endpoint":                     {"MetricPipeline", `{output: {otlp: {}}}`, "spec.output.otlp.endpoint", "Required value"},
	"an empty endpoint":               {"MetricPipeline", `{output: {otlp: {endpoint: {}}}}`, "spec.output.otlp", "endpoint needs value or valueFrom"},
	"two endpoints":                   {"TracePipeline", `{output: {otlp: {endpoint: {value: x, valueFrom: {secretKeyRef: {name: a, namespace: b, key: c}}}}}}`, "spec.output.otlp.endpoint", "cannot be combined"},
	"a Secret without namespace":      {"TracePipeline", `{output: {otlp: {endpoint: {valueFrom: {secretKeyRef: {name: a, key: c}}}}}}`, "spec.output.otlp.endpoint.valueFrom.secretKeyRef.namespace", "Required value"},
	"a path without HTTP":             {"TracePipeline", `{output: {otlp: {path: /x, protocol: grpc, endpoint: {value: x}}}}`, "spec.output.otlp", "path needs protocol http"},
	"an unknown protocol":             {"MetricPipeline", `{output: {otlp: {protocol: https, endpoint: {value: x}}}}`, "spec.output.otlp.protocol", "Unsupported value"},
	"an unknown temporality":          {"MetricPipeline", `{output: {otlp: {temporality: cumulative, endpoint: {value: x}}}}`, "spec.output.otlp.temporality", "Unsupported value"},
	"an unknown compression":          {"LogPipeline", `{input: {runtime: {}}, output: {otlp: {compression: lz4, endpoint: {value: x}}}}`, "spec.output.otlp.compression", "Unsupported value"},
	"a header without value":          {"TracePipeline", `{output: {otlp: {endpoint: {value: x}, headers: [{name: h}]}}}`, "spec.output.otlp.headers[0]", "a header needs value or valueFrom"},
	"a header with two values":        {"TracePipeline", `{output: {otlp: {endpoint: {value: x}, headers: [{name: h, value: v, valueFrom: {secretKeyRef: {name: a, namespace: b, key: c}}}]}}}`, "spec.output.otlp.headers[0]", "cannot be combined"},
	"a user without value":            {"TracePipeline", `{output: {otlp: {endpoint: {value: x}, authentication: {basic: {user: {}, password: {value: p}}}}}}`, "spec.output.otlp.authentication.basic", "user needs value or valueFrom"},
	"a password without value":        {"TracePipeline", `{output: {otlp: {endpoint: {value: x}, authentication: {basic: {user: {value: u}, password: {}}}}}}`, "spec.output.otlp.authentication.basic", "password needs value or valueFrom"},
	"a certificate without key":       {"TracePipeline", `{output: {otlp: {endpoint: {value: x}, tls: {cert: {value: c}}}}}`, "spec.output.otlp.tls", "cert and key go together"},
	"included and excluded":           {"MetricPipeline", `{input: {istio: {namespaces: {include: [a], exclude: [b]}}}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input.istio.namespaces", "cannot be combined"},
	"an impossible namespace":         {"MetricPipeline", `{input: {runtime: {namespaces: {include: [My_Space]}}}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input.runtime.namespaces.include[0]", "should match"},
	"a namespace that YAML made bool": {"MetricPipeline", `{input: {runtime: {namespaces: {include: [n]}}}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input.runtime.namespaces.include[0]", "must be of type string"},
	"a switch that is no boolean":     {"MetricPipeline", `{input: {runtime: {resources: {pod: {enabled: "true"}}}}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input.runtime.resources.pod.enabled", "must be of type boolean"},
	"no input for OTLP logs":          {"LogPipeline", `{output: {otlp: {endpoint: {value: x}}}}`, "spec", "no such key: input"},
	"no runtime input for OTLP logs":  {"LogPipeline", `{input: {}, output: {otlp: {endpoint: {value: x}}}}`, "spec", "no such key: runtime"},
	"no input for Fluent Bit":         {"LogPipeline", `{output: {custom: a}}`, "spec", "no such key: input"},
	"no output of logs":               {"LogPipeline", `{input: {runtime: {}}, output: {}}`, "spec.output", "exactly one of custom, http and otlp"},
	"two outputs of logs":             {"LogPipeline", `{input: {runtime: {}}, output: {custom: a, otlp: {endpoint: {value: x}}}}`, "spec.output", "exactly one of custom, http and otlp"},
	"an HTTP output without host":     {"LogPipeline", `{input: {runtime: {}}, output: {http: {host: {}}}}`, "spec.output.http", "host needs value or valueFrom"},
	"dropLabels with OTLP":            {"LogPipeline", `{input: {runtime: {dropLabels: false}}, output: {otlp: {endpoint: {value: x}}}}`, "spec", "dropLabels is for"},
	"keepAnnotations with OTLP":       {"LogPipeline", `{input: {runtime: {keepAnnotations: true}}, output: {otlp: {endpoint: {value: x}}}}`, "spec", "keepAnnotations is for"},
	"filters with OTLP":               {"LogPipeline", `{filters: [], input: {runtime: {}}, output: {otlp: {endpoint: {value: x}}}}`, "spec", "filters is for"},
	"files with OTLP":                 {"LogPipeline", `{files: [], input: {runtime: {}}, output: {otlp: {endpoint: {value: x}}}}`, "spec", "files is for"},
	"variables with OTLP":             {"LogPipeline", `{variables: [], input: {runtime: {}}, output: {otlp: {endpoint: {value: x}}}}`, "spec", "variables is for"},
	"transform with Fluent Bit":       {"LogPipeline", `{transform: [], input: {runtime: {}}, output: {custom: a}}`, "spec", "transform is for otlp"},
	"filter with Fluent Bit":          {"LogPipeline", `{filter: [], input: {runtime: {}}, output: {custom: a}}`, "spec", "filter is for otlp"},
	"OTLP input with Fluent Bit":      {"LogPipeline", `{input: {runtime: {}, otlp: {enabled: true}}, output: {custom: a}}`, "spec", "otlp input is for otlp"},
	"containers both ways":            {"LogPipeline", `{input: {runtime: {containers: {include: [a], exclude: [b]}}}, output: {otlp: {endpoint: {value: x}}}}`, "spec.input.runtime.containers", "cannot be combined"},
	"a variable without name":         {"LogPipeline", `{variables: [{name: "", valueFrom: {secretKeyRef: {name: a, namespace: b, key: c}}}], input: {runtime: {}}, output: {custom: a}}`, "spec.variables[0].name", "at least 1 chars long"},
}

func ownAPI(t *testing.T) *API {
	t.Helper()
	api, err := NewAPI(CRDs())
	require.NoError(t, err)
	return api
}

func upstreamAPI(t *testing.T) *API {
	t.Helper()
	crds, err := UpstreamCRDs(repository)
	require.NoError(t, err)
	if crds == nil {
		t.Skip("Kyma's own definitions are not beside the repository, in ../shared/kyma-crds")
	}
	api, err := NewAPI(crds)
	require.NoError(t, err)
	return api
}

func TestGoodPipelinesAreAccepted(t *testing.T) {
	api := ownAPI(t)
	for name, c := range good {
		assert.Empty(t, api.Create(manifest(c.kind, c.spec)), name)
	}
}

func TestBadPipelinesAreRefusedWithTheReason(t *testing.T) {
	api := ownAPI(t)
	for name, c := range bad {
		problems := api.Create(manifest(c.kind, c.spec))
		found := slices.ContainsFunc(problems, func(p Problem) bool {
			return p.Path == c.path && strings.Contains(p.Message, c.message)
		})
		assert.True(t, found, "%s: no problem at %s with %q among %v", name, c.path, c.message, problems)
	}
}

func TestKymaAgreesOnGoodPipelines(t *testing.T) {
	api := upstreamAPI(t)
	for name, c := range good {
		assert.Empty(t, api.Create(manifest(c.kind, c.spec)), name)
	}
}

func TestKymaRefusesTheSamePipelinesAtTheSameFields(t *testing.T) {
	api := upstreamAPI(t)
	for name, c := range bad {
		problems := api.Create(manifest(c.kind, c.spec))
		found := slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == c.path })
		assert.True(t, found, "%s: no problem at %s among %v", name, c.path, problems)
	}
}

func TestALogPipelineCannotChangeItsKindOfOutput(t *testing.T) {
	otlp := manifest("LogPipeline", `{input: {runtime: {}}, output: {otlp: {endpoint: {value: x}}}}`)
	other := manifest("LogPipeline", `{input: {runtime: {}}, output: {otlp: {endpoint: {value: z}}}}`)
	custom := manifest("LogPipeline", `{input: {runtime: {}}, output: {custom: a}}`)
	http := manifest("LogPipeline", `{input: {runtime: {}}, output: {http: {host: {value: h}}}}`)
	check := func(t *testing.T, api *API) {
		assert.Empty(t, api.Update(otlp, other))
		assert.Empty(t, api.Update(custom, http))
		for _, pair := range [][2][]byte{{otlp, custom}, {custom, otlp}} {
			problems := api.Update(pair[0], pair[1])
			if assert.Len(t, problems, 1) {
				assert.Equal(t, "spec.output", problems[0].Path)
			}
		}
	}
	t.Run("own", func(t *testing.T) { check(t, ownAPI(t)) })
	t.Run("Kyma's", func(t *testing.T) { check(t, upstreamAPI(t)) })
}

func TestObjectsAreRefusedBeforeTheirSpecIsLookedAt(t *testing.T) {
	valid := string(manifest("TracePipeline", `{output: {otlp: {endpoint: {value: x}}}}`))
	for name, c := range map[string]struct{ from, to, path, message string }{
		"a kind that is not defined":    {"TracePipeline", "SpanPipeline", "", "no CustomResourceDefinition has the kind"},
		"a version that is not defined": {"v1beta1", "v1", "", "no CustomResourceDefinition has the kind"},
		"a field twice":                 {"spec:", "spec: {}\nspec:", "", "already set"},
		"a name that DNS refuses":       {"name: cloudwatch", "name: Cloud_Watch", "metadata.name", "RFC 1123"},
		"a namespace":                   {"name: cloudwatch", "name: cloudwatch, namespace: default", "metadata.namespace", "not allowed"},
		"a label that is too long":      {"a: b", "a: " + strings.Repeat("b", 64), "metadata.labels", "63"},
		"a label that is no string":     {"a: b", "a: true", "metadata", "bool"},
		"an unknown field of metadata":  {"labels", "label", "metadata.label", "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := ownAPI(t).Create([]byte(strings.Replace(valid, c.from, c.to, 1)))
			require.Len(t, problems, 1)
			assert.Equal(t, c.path, problems[0].Path)
			assert.Contains(t, problems[0].Message, c.message)
		})
	}
}

// definitions returns the v1beta1 schema of each kind in the manifests.
func definitions(t *testing.T, crds [][]byte) map[string]*apiextensionsv1.JSONSchemaProps {
	t.Helper()
	schemas := map[string]*apiextensionsv1.JSONSchemaProps{}
	for _, manifest := range crds {
		var crd apiextensionsv1.CustomResourceDefinition
		require.NoError(t, yaml.UnmarshalStrict(manifest, &crd))
		for _, version := range crd.Spec.Versions {
			if version.Name == "v1beta1" {
				schemas[crd.Spec.Names.Kind] = version.Schema.OpenAPIV3Schema
			}
		}
	}
	return schemas
}

func TestTheDefinitionsAreStructural(t *testing.T) {
	own := definitions(t, CRDs())
	assert.ElementsMatch(t, []string{"LogPipeline", "MetricPipeline", "TracePipeline"}, slices.Collect(maps.Keys(own)))
	for kind, props := range own {
		var internal apiextensions.JSONSchemaProps
		require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil))
		structural, err := structuralschema.NewStructural(&internal)
		require.NoError(t, err)
		// An API server refuses a CustomResourceDefinition whose schema is not.
		assert.Empty(t, structuralschema.ValidateStructural(nil, structural), kind)
	}
}

func TestEveryFieldIsKymasWithTheSameLimits(t *testing.T) {
	upstream, err := UpstreamCRDs(repository)
	require.NoError(t, err)
	if upstream == nil {
		t.Skip("Kyma's own definitions are not beside the repository, in ../shared/kyma-crds")
	}
	theirs := definitions(t, upstream)
	fields := 0
	for kind, own := range definitions(t, CRDs()) {
		require.Contains(t, theirs, kind)
		for _, difference := range differences(kind, own, theirs[kind], &fields) {
			t.Error(difference)
		}
	}
	assert.Greater(t, fields, 150, "fields compared")
}

// onlyTheirs are rules about fields that the own definitions leave out, so the count of rules differs.
var onlyTheirs = map[string]int{
	"LogPipeline.spec.output.otlp":                   1, // OAuth2 without TLS
	"TracePipeline.spec.output.otlp":                 1,
	"MetricPipeline.spec.output.otlp":                1,
	"LogPipeline.spec.output.otlp.authentication":    1, // basic or OAuth2
	"TracePipeline.spec.output.otlp.authentication":  1,
	"MetricPipeline.spec.output.otlp.authentication": 1,
}

func differences(path string, own, theirs *apiextensionsv1.JSONSchemaProps, fields *int) []string {
	*fields++
	var found []string
	for _, name := range []string{"Type", "Format", "Enum", "Pattern", "MinLength", "MaxLength", "Minimum", "Maximum", "MinItems", "MaxItems", "Default", "Nullable", "XPreserveUnknownFields", "XIntOrString", "XListType"} {
		a := reflect.ValueOf(own).Elem().FieldByName(name).Interface()
		b := reflect.ValueOf(theirs).Elem().FieldByName(name).Interface()
		if !reflect.DeepEqual(a, b) {
			found = append(found, fmt.Sprintf("%s: %s is %v, Kyma has %v", path, name, a, b))
		}
	}
	if a, b := slices.Sorted(slices.Values(own.Required)), slices.Sorted(slices.Values(theirs.Required)); !slices.Equal(a, b) {
		found = append(found, fmt.Sprintf("%s: required is %v, Kyma has %v", path, a, b))
	}
	if a, b := len(own.XValidations)+onlyTheirs[path], len(theirs.XValidations); a != b {
		found = append(found, fmt.Sprintf("%s: %d rules, Kyma has %d: %v", path, a, b, theirs.XValidations))
	}
	for name, property := range own.Properties {
		other, ok := theirs.Properties[name]
		if !ok {
			found = append(found, fmt.Sprintf("%s.%s: Kyma has no such field", path, name))
			continue
		}
		found = append(found, differences(path+"."+name, &property, &other, fields)...)
	}
	if own.Items != nil && theirs.Items != nil {
		found = append(found, differences(path+"[]", own.Items.Schema, theirs.Items.Schema, fields)...)
	} else if (own.Items == nil) != (theirs.Items == nil) {
		found = append(found, path+": items differ")
	}
	return found
}

func TestEveryRuleIsBrokenByABadPipeline(t *testing.T) {
	api := ownAPI(t)
	var broken []string
	for _, c := range bad {
		for _, problem := range api.Create(manifest(c.kind, c.spec)) {
			broken = append(broken, problem.Message)
		}
	}
	for kind, own := range definitions(t, CRDs()) {
		for place, messages := range ruleMessages(kind, own) {
			for _, message := range messages {
				if strings.Contains(message, "delete it first") {
					continue // a rule of updates, which has a test of its own
				}
				seen := slices.ContainsFunc(broken, func(b string) bool { return strings.Contains(b, message) })
				assert.True(t, seen, "%s: no bad pipeline breaks %q", place, message)
			}
		}
	}
}

func ruleMessages(path string, props *apiextensionsv1.JSONSchemaProps) map[string][]string {
	all := map[string][]string{}
	for _, rule := range props.XValidations {
		all[path] = append(all[path], rule.Message)
	}
	for name, property := range props.Properties {
		for place, messages := range ruleMessages(path+"."+name, &property) {
			all[place] = messages
		}
	}
	if props.Items != nil {
		for place, messages := range ruleMessages(path+"[]", props.Items.Schema) {
			all[place] = messages
		}
	}
	return all
}
