package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// combinations are the values of each way that the three signals can go together.
func combinations() map[string]string {
	all := map[string]string{}
	for _, traces := range []string{"", "xray", "otlp"} {
		for _, metrics := range []string{"", "emf", "otlp"} {
			for _, logs := range []string{"", "cloudwatchlogs", "otlp", "fluentbit"} {
				if traces+metrics+logs == "" {
					continue
				}
				values := fmt.Sprintf("traces: {enabled: %t%s}, metrics: {enabled: %t%s}", traces != "", exporter(traces), metrics != "", exporter(metrics))
				if logs == "fluentbit" {
					values += ", logs: {via: fluentbit}"
				} else {
					values += fmt.Sprintf(", logs: {enabled: %t%s}", logs != "", exporter(logs))
				}
				all[fmt.Sprintf("traces=%s metrics=%s logs=%s", traces, metrics, logs)] = "global: {" + values + "}"
			}
		}
	}
	return all
}

func exporter(name string) string {
	if name == "" {
		return ""
	}
	return ", exporter: " + name
}

func eachCombination(t *testing.T, test func(t *testing.T, r release)) {
	t.Helper()
	for name, values := range combinations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, render(t, values))
		})
	}
}

func eachCollectorConfig(t *testing.T, test func(t *testing.T, config object)) {
	t.Helper()
	eachCombination(t, func(t *testing.T, r release) {
		if r.kinds()["ConfigMap"] == 0 {
			t.Skip("nothing goes through the collector")
		}
		test(t, r.collectorConfig(t))
	})
}

func TestEveryCombinationOfExportersIsValid(t *testing.T) {
	eachCombination(t, func(t *testing.T, r release) { requireValid(t, r) })
}

func TestPipelinesUseWhatIsDefinedAndNothingIsLeftOver(t *testing.T) {
	eachCollectorConfig(t, requireNothingLeftOver)
}

// requireNothingLeftOver fails the test where a pipeline names what is not defined, or none what is.
func requireNothingLeftOver(t *testing.T, config object) {
	t.Helper()
	used := map[string][]string{}
	for _, pipeline := range at(config, "service", "pipelines").(object) {
		for _, kind := range []string{"receivers", "processors", "exporters"} {
			used[kind] = append(used[kind], texts(at(pipeline, kind))...)
		}
	}
	used["extensions"] = texts(at(config, "service", "extensions"))
	for kind, names := range used {
		slices.Sort(names)
		assert.Equal(t, sortedKeys(at(config, kind)), slices.Compact(names), kind)
	}
	for name, exporter := range at(config, "exporters").(object) {
		if authenticator := at(exporter, "auth", "authenticator"); authenticator != nil {
			assert.Contains(t, used["extensions"], authenticator, name)
		}
		if storage := at(exporter, "sending_queue", "storage"); storage != nil {
			assert.Contains(t, used["extensions"], storage, name)
		}
	}
}

func TestNothingIsAcknowledgedBeforeItIsOnDiskOrInAWS(t *testing.T) {
	eachCollectorConfig(t, func(t *testing.T, config object) {
		for name := range at(config, "processors").(object) {
			assert.False(t, name == "batch" || strings.HasPrefix(name, "batch/"), "a batch processor answers before it has sent")
		}
		pipelines := at(config, "service", "pipelines").(object)
		for name, pipeline := range pipelines {
			for _, exporter := range texts(at(pipeline, "exporters")) {
				settings := at(config, "exporters", exporter)
				queue := at(settings, "sending_queue")
				if queue == nil {
					assert.Contains(t, []string{"awsxray", "awsemf", "awscloudwatchlogs/start"}, exporter, "%s has no queue", exporter)
					assert.NotContains(t, texts(at(pipeline, "receivers")), "otlp", "%s: Kyma would be acknowledged by an exporter that loses what AWS refuses", name)
					continue
				}
				assert.Equal(t, "file_storage", at(queue, "storage"), exporter)
				assert.Equal(t, "bytes", at(queue, "sizer"), "%s: a queue of requests may outgrow its volume", exporter)
				assert.Equal(t, "0s", at(settings, "retry_on_failure", "max_elapsed_time"), "%s gives up", exporter)
			}
		}
	})
}

func TestTheQueuesFitIntoTheVolume(t *testing.T) {
	const size = "10Gi"
	volume := resource.MustParse(size)
	eachCollectorConfig(t, func(t *testing.T, config object) {
		var queued float64
		for _, exporter := range at(config, "exporters").(object) {
			if bytes, ok := at(exporter, "sending_queue", "queue_size").(float64); ok {
				queued += bytes
			}
		}
		assert.Positive(t, queued)
		assert.LessOrEqual(t, queued, 0.8*volume.AsApproximateFloat64(), "a database that is compacted needs room beside it")
		assert.Greater(t, queued, 0.79*volume.AsApproximateFloat64(), "what is paid for is used")
	})
}

func TestRequestsStayBelowTheLimitsOfAWS(t *testing.T) {
	limits := map[string]struct {
		sizer string
		most  float64
		why   string
	}{
		"otlp_grpc/traces":  {"items", 250, "awsxray sends 50 documents a request, one after another, in 5 s"},
		"otlp_grpc/metrics": {"items", 1000, "awsemf sends all of it in 5 s"},
		"awscloudwatchlogs": {"bytes", 1_200_000, "a batch that fails is sent again as a whole, and less would not hold the largest record"},
		"otlp_http/traces":  {"items", 10_000, "spans in a request to X-Ray's OTLP endpoint"},
		"otlp_http/metrics": {"items", 1_000, "datapoints in a request to CloudWatch's OTLP endpoint"},
		"otlp_http/logs":    {"bytes", 1_000_000, "bytes in a request to CloudWatch Logs' OTLP endpoint"},
	}
	seen := map[string]bool{}
	for _, values := range []string{"", "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}"} {
		for name, exporter := range at(render(t, values).collectorConfig(t), "exporters").(object) {
			batch := at(exporter, "sending_queue", "batch")
			if batch == nil {
				continue
			}
			limit, known := limits[name]
			require.True(t, known, "%s has no limit in this test", name)
			assert.Equal(t, limit.sizer, at(batch, "sizer"), name)
			assert.LessOrEqual(t, at(batch, "max_size"), limit.most, "%s: %s", name, limit.why)
			assert.LessOrEqual(t, at(batch, "min_size"), at(batch, "max_size"), name)
			seen[name] = true
		}
	}
	assert.Len(t, seen, len(limits))
}

func TestTheLoopbackReceiverTakesWhatTheLoopbackExportersSend(t *testing.T) {
	eachCollectorConfig(t, func(t *testing.T, config object) {
		for name, exporter := range at(config, "exporters").(object) {
			if !strings.HasPrefix(name, "otlp_grpc/") {
				continue
			}
			endpoint := at(exporter, "endpoint").(string)
			assert.True(t, strings.HasPrefix(endpoint, "127.0.0.1:"), "%s would be reachable from outside", endpoint)
			assert.Equal(t, endpoint, at(config, "receivers", "otlp/aws", "protocols", "grpc", "endpoint"))
			assert.GreaterOrEqual(t, at(config, "receivers", "otlp/aws", "protocols", "grpc", "max_recv_msg_size_mib"), at(config, "receivers", "otlp", "protocols", "grpc", "max_recv_msg_size_mib"))
		}
	})
}

func TestOTLPLogsGoIntoAGroupAndStreamThatTheReleaseMakes(t *testing.T) {
	r := render(t, "global: {logs: {exporter: otlp, logGroup: /my/group, logStream: mine, retentionDays: 30}}")
	config := r.collectorConfig(t)
	headers := at(config, "exporters", "otlp_http/logs", "headers")
	assert.Equal(t, object{"x-aws-log-group": "/my/group", "x-aws-log-stream": "mine"}, headers)
	start := at(config, "exporters", "awscloudwatchlogs/start")
	assert.Equal(t, "/my/group", at(start, "log_group_name"))
	assert.Equal(t, "mine", at(start, "log_stream_name"))
	assert.Equal(t, float64(30), at(start, "log_retention"))

	pipeline := at(config, "service", "pipelines", "logs/start")
	assert.Equal(t, []string{"awscloudwatchlogs/start"}, texts(at(pipeline, "exporters")))
	receiver := at(config, "receivers", texts(at(pipeline, "receivers"))[0])
	files := texts(at(receiver, "include"))
	require.Len(t, files, 1)
	mounts := r.podTemplate(t).Spec.Containers[0].VolumeMounts
	mount := mounts[slices.IndexFunc(mounts, func(m corev1.VolumeMount) bool { return m.Name == "config" })]
	inMap, ok := strings.CutPrefix(files[0], mount.MountPath+"/")
	require.True(t, ok, "%s is not mounted", files[0])
	assert.NotEmpty(t, strings.TrimSpace(typed[corev1.ConfigMap](t, r, "ConfigMap").Data[inMap]))
}

func TestTheClusterIsNamedOnEverySignal(t *testing.T) {
	eachCollectorConfig(t, func(t *testing.T, config object) {
		for name, pipeline := range at(config, "service", "pipelines").(object) {
			if slices.Contains(texts(at(pipeline, "receivers")), "otlp") {
				assert.Contains(t, texts(at(pipeline, "processors")), "resource/cluster", name)
				assert.Equal(t, "memory_limiter", texts(at(pipeline, "processors"))[0], "%s: it must refuse before anything is copied", name)
			}
		}
	})
}

func TestLogGroupsAreNamedAfterTheCluster(t *testing.T) {
	config := render(t, "global: {clusterName: production}").collectorConfig(t)
	assert.Equal(t, "/kyma/production/metrics", at(config, "exporters", "awsemf", "log_group_name"))
	assert.Equal(t, "/kyma/production/logs", at(config, "exporters", "awscloudwatchlogs", "log_group_name"))
}

func TestTheDefaultsCostNoMoreThanTheyMust(t *testing.T) {
	config := render(t, "").collectorConfig(t)
	assert.Equal(t, "NoDimensionRollup", at(config, "exporters", "awsemf", "dimension_rollup_option"), "the exporter's default makes further custom metrics of each")
	assert.Equal(t, float64(7), at(config, "exporters", "awsemf", "log_retention"))
	assert.Equal(t, float64(7), at(config, "exporters", "awscloudwatchlogs", "log_retention"))
}

func TestTracesLinkToTheirLogsWhereThoseGoThroughTheCollector(t *testing.T) {
	config := render(t, "").collectorConfig(t)
	assert.Equal(t, []string{"/kyma/kyma/logs"}, texts(at(config, "exporters", "awsxray", "aws_log_groups")))
	assert.Nil(t, at(render(t, "global: {logs: {enabled: false}}").collectorConfig(t), "exporters", "awsxray", "aws_log_groups"))
}

// texts is a list of strings; nothing where there is none.
func texts(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

func sortedKeys(values any) []string {
	var keys []string
	parsed, _ := values.(object)
	for key := range parsed {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
