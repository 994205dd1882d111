package render

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var anyLink = regexp.MustCompile(`https?://\S+`)

func links(t *testing.T, values string) []string {
	t.Helper()
	found := anyLink.FindAllString(notesOf(t, values), -1)
	for _, link := range found {
		parsed, err := url.Parse(link)
		require.NoError(t, err)
		assert.NotEmpty(t, parsed.Fragment, "%s: the console's page stands behind the #", link)
		assert.NotContains(t, parsed.Fragment, "#", "%s: a # of a name must be escaped", link)
	}
	return found
}

func TestNotesLinkToTheConsolesPages(t *testing.T) {
	const home = "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#"
	for values, want := range map[string][]string{
		"": {
			home + "xray:traces/query",
			home + "metricsV2:graph=~();namespace=~'Kyma",
			home + "logsV2:log-groups/log-group/$252Fkyma$252Fkyma$252Fmetrics",
			home + "logsV2:log-groups/log-group/$252Fkyma$252Fkyma$252Flogs",
		},
		"global: {traces: {enabled: false}, metrics: {namespace: 'Shop/Prod#1:a.b_c-d', logGroup: 'shop/a.b_c-d#1'}, logs: {logGroup: plain}}": {
			home + "metricsV2:graph=~();namespace=~'Shop*2fProd*231*3aa.b_c-d",
			home + "logsV2:log-groups/log-group/shop$252Fa.b_c-d$25231",
			home + "logsV2:log-groups/log-group/plain",
		},
		"global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}": {
			home + "xray:traces/query",
			home + "metricsV2",
			home + "logsV2:log-groups/log-group/$252Fkyma$252Fkyma$252Flogs",
			home + "xray:settings/transaction-search",
		},
		"global: {traces: {enabled: false}, metrics: {enabled: false}, logs: {via: fluentbit}}": {
			home + "logsV2:log-groups/log-group/$252Fkyma$252Fkyma$252Flogs",
		},
	} {
		assert.Equal(t, want, links(t, values), values)
	}
}

func TestNotesLinkToTheConsoleOfThePartition(t *testing.T) {
	for region, host := range map[string]string{
		"us-east-1":      "us-east-1.console.aws.amazon.com",
		"cn-northwest-1": "cn-northwest-1.console.amazonaws.cn",
		"us-gov-west-1":  "us-gov-west-1.console.amazonaws-us-gov.com",
		"eusc-de-east-1": "eusc-de-east-1.console.amazonaws-eusc.eu",
	} {
		assert.Equal(t, []string{"https://" + host + "/cloudwatch/home?region=" + region + "#xray:traces/query"},
			links(t, "global: {aws: {region: "+region+"}, metrics: {enabled: false}, logs: {enabled: false}}"))
	}
	assert.Empty(t, links(t, "global: {aws: {region: us-iso-east-1}}"), "no console that everyone can reach")
}

func TestNotesOfAStandInForAWSHaveNoConsole(t *testing.T) {
	text := notesOf(t, "global: {aws: {endpoint: 'http://localstack.localstack:4566'}, traces: {exporter: otlp}}")
	assert.NotContains(t, text, "console")
	assert.NotContains(t, text, "Transaction Search")
	assert.Contains(t, text, "aws --region eu-central-1 --endpoint-url http://localstack.localstack:4566 logs tail '/kyma/kyma/logs'")
}

func TestNotesSayWhatWasSetUp(t *testing.T) {
	for _, c := range []struct {
		base, values string
		says         []string
		doesNotSay   []string
	}{
		{minimal, "", []string{
			"from cluster kyma to AWS, in region eu-central-1.",
			"Traces go to AWS X-Ray by its own API.",
			"Metrics go to CloudWatch namespace Kyma, extracted from the events of log group /kyma/kyma/metrics.",
			"Logs go to CloudWatch Logs, log group /kyma/kyma/logs, stream otel-collector.",
			"kubectl -n observability rollout restart statefulset/cw-kyma-cloudwatch-collector",
			"kubectl -n observability delete pvc -l app.kubernetes.io/instance=cw,app.kubernetes.io/component=collector",
		}, []string{"WARNING", "Transaction Search", "emptyDir"}},
		{minimal, "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}", []string{
			"Traces go to AWS X-Ray by its OTLP endpoint.",
			"Metrics go to CloudWatch by its OTLP endpoint.",
			"Logs go to CloudWatch Logs, log group /kyma/kyma/logs, stream otel-collector, by its OTLP endpoint.",
			"aws xray update-trace-segment-destination --destination CloudWatchLogs --region eu-central-1",
		}, []string{"list-metrics", "get-trace-summaries"}},
		{minimal, fluentbit + "\n---\npipelines: {logs: {name: mine}}", []string{
			"log group /kyma/kyma/logs, by Kyma's Fluent Bit.", "unsupported mode", "kubectl delete logpipeline mine",
		}, nil},
		{noSecret, "global: {aws: {auth: {secret: {accessKeyId: AKIAEXAMPLE, secretAccessKey: hush}}}}", []string{
			"WARNING: the access key was given in values. It stands in Secret cw-kyma-cloudwatch-aws",
		}, []string{"hush", "AKIAEXAMPLE"}},
		{minimal, tokenKeys, []string{
			"Credentials come from role arn:aws:iam::123456789012:role/kyma.",
			"sub: system:serviceaccount:observability:cw-kyma-cloudwatch-collector", "aud: sts.amazonaws.com",
		}, []string{"Secret"}},
		{minimal, tokenKeys + "\n---\ncollector: {serviceAccount: {create: false, name: mine}}", []string{
			"sub: system:serviceaccount:observability:mine",
		}, nil},
		{noSecret, "global: {aws: {auth: {mode: ambient}}}", []string{`(mode "ambient")`}, []string{"Secret"}},
		{minimal, deployment, []string{"rollout status deployment/cw-kyma-cloudwatch-collector", "The queue stands in an emptyDir", "collector.persistence.enabled: true"}, []string{"pvc"}},
		{minimal, "pipelines: {enabled: false}", nil, []string{"tracepipelines"}},
		{minimal, "pipelines: {enabled: false}\n---\ncollector: {enabled: false}", nil, []string{"rollout", "pvc", "tracepipelines"}},
	} {
		text := notesOver(t, c.base, c.values)
		for _, what := range c.says {
			assert.Contains(t, text, what, c.values)
		}
		for _, what := range c.doesNotSay {
			assert.NotContains(t, text, what, c.values)
		}
		assert.NotContains(t, text, "\n\n\n", c.values)
		for _, line := range strings.Split(text, "\n") {
			assert.Equal(t, strings.TrimRight(line, " "), line, c.values)
		}
	}
}
