package render

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSeldomChoicesRenderWhatTheySay takes the branches of templates that no other test has a reason to take.
func TestSeldomChoicesRenderWhatTheySay(t *testing.T) {
	for name, c := range map[string]struct {
		values  string
		has     []string
		lacks   []string
		refusal string
	}{
		"no dimensions": {
			values: "global: {metrics: {dimensions: []}}", lacks: []string{"from_attribute"}},
		"a declaration without dimensions": {
			values: "global: {metrics: {declarations: [{dimensions: [], metric_name_selectors: ['^x$']}]}}", has: []string{"^x$"}},
		"no resources": {
			values: "collector: {resources: {limits: null, requests: null}}", lacks: []string{"GOMEMLIMIT", "cpu: 100m"}},
		"metrics of Istio alone": {
			values: "pipelines: {metrics: {input: {runtime: {enabled: false}, prometheus: {enabled: false}, otlp: {enabled: false}, istio: {enabled: true}}}}",
			has:    []string{"istio:\n      enabled: true"}},
		"metrics of no kind of resource": {
			values: "pipelines: {metrics: {input: {runtime: {enabled: true, resources: {pod: null, container: null, node: null, volume: null, deployment: null, daemonset: null, statefulset: null, job: null}}}}}",
			lacks:  []string{"statefulset:\n          enabled"}},
		"Fluent Bit without retention and template": {
			values: fluentbit + "\n---\nglobal: {logs: {retentionDays: 0}}\npipelines: {logs: {fluentbit: {streamTemplate: ''}}}",
			has:    []string{"log_stream_name from-kyma-cluster"}, lacks: []string{"log_retention_days", "log_stream_template"}},
		"Fluent Bit to an endpoint with TLS": {
			values: fluentbit + "\n---\nglobal: {aws: {endpoint: 'https://logs.example.com'}}", has: []string{"endpoint logs.example.com", "port 443", "tls On"}},
		"a session token under a name": {
			values: ownKeys + "\n---\nglobal: {aws: {auth: {secret: {sessionToken: tok, keys: {sessionToken: TOK}}}}}", has: []string{`TOK: "tok"`}},
		"the region in the chart's own Secret": {
			values: ownKeys + "\n---\n" + fluentbit + "\n---\nglobal: {aws: {auth: {secret: {keys: {region: REG}}}}}", has: []string{`REG: "eu-central-1"`}},
		"Fluent Bit with a session token": {
			values: ownKeys + "\n---\n" + fluentbit + "\n---\nglobal: {aws: {auth: {secret: {sessionToken: tok}}}}", refusal: "has a session token"},
		"a namespace that is AWS's prefix alone": {
			values: "global: {metrics: {namespace: AWS/}}", refusal: "namespace: Kyma"},
		"no extensions": {
			values: "collector: {config: {extensions: null}}", refusal: `uses extension "file_storage", which does not run`},
		"no extension that runs": {
			values: "collector: {config: {service: {extensions: []}}}", refusal: `uses extension "file_storage", which does not run`},
		"an exporter that is no map": {
			values: "collector: {config: {exporters: {awsemf: x}}}", has: []string{"awsemf: x"}},
		"no processors": {
			values: "collector: {config: {processors: null}}", refusal: `"memory_limiter" among its processors, which is not defined`},
		"memory without a number": {
			values: "collector: {sizes: {small: {memory: much}}}", refusal: `is "much", which is not a Kubernetes quantity`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := install{chart: chartPath, name: releaseName, namespace: namespace, values: minimal + "\n---\n" + c.values}.rendered(t)
			if c.refusal != "" {
				require.ErrorContains(t, err, c.refusal)
				return
			}
			require.NoError(t, err)
			for _, text := range c.has {
				assert.Contains(t, got.manifest, text)
			}
			for _, text := range c.lacks {
				assert.NotContains(t, got.manifest, text)
			}
		})
	}
}

func TestNotesLeaveTheServiceAccountOfAnotherReleaseOpen(t *testing.T) {
	notes := notesOf(t, tokenKeys+"\n---\ncollector: {enabled: false}\npipelines: {enabled: false}")
	assert.Contains(t, notes, "system:serviceaccount:observability:NAME\n")
}
