package render

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

const (
	acknowledged = "collector: {delivery: acknowledged}"
	otlp         = "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}"
)

// eachAcknowledgedConfig runs a test for each way that the signals can go together, all acknowledged.
func eachAcknowledgedConfig(t *testing.T, test func(t *testing.T, config object)) {
	t.Helper()
	for name, values := range combinations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, acknowledged+"\n---\n"+values)
			requireValid(t, r)
			if r.kinds()["ConfigMap"] == 0 {
				t.Skip("nothing goes through the collector")
			}
			test(t, r.collectorConfig(t))
		})
	}
}

func TestAcknowledgedIsAnsweredByAWS(t *testing.T) {
	eachAcknowledgedConfig(t, func(t *testing.T, config object) {
		for name := range at(config, "processors").(object) {
			assert.False(t, name == "batch" || strings.HasPrefix(name, "batch/"), "a batch processor answers before it has sent")
		}
		for name, pipeline := range at(config, "service", "pipelines").(object) {
			if !slices.Contains(texts(at(pipeline, "receivers")), "otlp") {
				continue
			}
			for _, exporter := range texts(at(pipeline, "exporters")) {
				if exporter == "awsxray" {
					continue // has no queue
				}
				settings := at(config, "exporters", exporter)
				assert.Equal(t, true, at(settings, "sending_queue", "wait_for_result"), "%s of %s answers at once", exporter, name)
				assert.Equal(t, object{"enabled": false}, at(settings, "retry_on_failure"), "%s: the sender tries again, and an attempt of ours after it has given up is a copy more", exporter)
			}
		}
		assert.NotContains(t, at(config, "extensions"), "file_storage")
		assert.NotContains(t, mustYAML(t, config), "storage:")
	})
}

func TestAcknowledgedUsesWhatIsDefinedAndNothingIsLeftOver(t *testing.T) {
	eachAcknowledgedConfig(t, requireNothingLeftOver)
}

func TestRequestsToAwsemfPassOneAfterAnother(t *testing.T) {
	for _, delivery := range []string{"queued", "acknowledged"} {
		config := render(t, "collector: {delivery: "+delivery+"}").collectorConfig(t)
		assert.Equal(t, float64(1), at(config, "exporters", "otlp_grpc/metrics", "sending_queue", "num_consumers"), delivery)
		for name, pipeline := range at(config, "service", "pipelines").(object) {
			if slices.Contains(texts(at(pipeline, "exporters")), "awsemf") {
				assert.Equal(t, []string{"otlp/aws"}, texts(at(pipeline, "receivers")), "%s: awsemf mixes requests up that it gets at a time", name)
			}
		}
	}
}

func TestWhatWaitsForAWSFitsIntoMemory(t *testing.T) {
	for limit, bytes := range map[string]int64{"256Mi": 256 << 20, "1Gi": 1 << 30, "4Gi": 4 << 30} {
		for _, exporters := range []string{"", otlp} {
			config := render(t, "collector: {delivery: acknowledged, resources: {limits: {memory: "+limit+"}}}\n---\n"+exporters).collectorConfig(t)
			var waiting float64
			for name, exporter := range at(config, "exporters").(object) {
				if queue := at(exporter, "sending_queue"); queue != nil {
					assert.Equal(t, "bytes", at(queue, "sizer"), name)
					size := at(queue, "queue_size").(float64)
					assert.GreaterOrEqual(t, size, float64(16<<20), "%s: the largest request has to fit", name)
					waiting += size
				}
			}
			assert.LessOrEqual(t, waiting, 0.25*float64(bytes), "%s %s", limit, exporters)
		}
	}
}

func TestAQueueOfAcknowledgedDataHoldsTheLargestRequestWhateverTheMemory(t *testing.T) {
	config := render(t, "collector: {delivery: acknowledged, receiver: {maxMessageSizeMiB: 64}, resources: {limits: {memory: 256Mi}}}").collectorConfig(t)
	assert.Equal(t, float64(64<<20), at(config, "exporters", "awscloudwatchlogs", "sending_queue", "queue_size"))
	unlimited := render(t, "collector: {delivery: acknowledged, resources: {limits: null}}").collectorConfig(t)
	assert.Equal(t, float64(1<<30/4/3), at(unlimited, "exporters", "awscloudwatchlogs", "sending_queue", "queue_size"))
}

func TestAcknowledgedNeedsNoVolume(t *testing.T) {
	for _, values := range []string{acknowledged, acknowledged + "\n---\n" + deployment, "global: {traces: {delivery: acknowledged}, metrics: {delivery: acknowledged}, logs: {delivery: acknowledged}}"} {
		r := render(t, values)
		assert.Equal(t, map[string]int{"ConfigMap": 1, "Deployment": 1, "LogPipeline": 1, "MetricPipeline": 1, "NetworkPolicy": 1, "PodDisruptionBudget": 1, "Service": 1, "ServiceAccount": 1, "TracePipeline": 1}, r.kinds())
		for _, volume := range r.podTemplate(t).Spec.Volumes {
			assert.NotEqual(t, "queue", volume.Name)
		}
		for _, mount := range r.podTemplate(t).Spec.Containers[0].VolumeMounts {
			assert.NotEqual(t, "queue", mount.Name)
		}
	}
}

func TestOneQueuedSignalHasTheVolumeForItself(t *testing.T) {
	r := render(t, "collector: {delivery: acknowledged}\n---\nglobal: {metrics: {delivery: queued}}")
	assert.Equal(t, 1, r.kinds()["StatefulSet"])
	config := r.collectorConfig(t)
	volume := resource.MustParse("10Gi")
	assert.Equal(t, float64(volume.Value()*8/10), at(config, "exporters", "otlp_grpc/metrics", "sending_queue", "queue_size"))
	assert.Equal(t, "file_storage", at(config, "exporters", "otlp_grpc/metrics", "sending_queue", "storage"))
	assert.Equal(t, []string{"awsxray"}, texts(at(config, "service", "pipelines", "traces", "exporters")))
	assert.Contains(t, at(config, "receivers"), "otlp/aws", "metrics still pass through it")
}

func TestASignalThatIsSwitchedOffAsksForNoVolume(t *testing.T) {
	assert.Zero(t, render(t, acknowledged+"\n---\nglobal: {logs: {enabled: false, delivery: queued}}").kinds()["StatefulSet"])
}

func TestKymaHearsOfThrottlingWhatItTriesAgain(t *testing.T) {
	for exporters, want := range map[string]string{"": "grpc :4317", otlp: "http :4318"} {
		for _, delivery := range []string{"queued", "acknowledged"} {
			r := render(t, exporters+"\n---\ncollector: {delivery: "+delivery+"}")
			for _, kind := range []string{"TracePipeline", "MetricPipeline", "LogPipeline"} {
				out := at(r.only(t, kind), "spec", "output", "otlp")
				endpoint := at(out, "endpoint", "value").(string)
				assert.Equal(t, want, fmt.Sprint(at(out, "protocol"), " ", endpoint[strings.LastIndex(endpoint, ":"):]), "%s %s", kind, exporters)
			}
		}
	}
}

func TestTheProtocolIsAsGiven(t *testing.T) {
	assert.Equal(t, "http", at(render(t, "pipelines: {protocol: http}").only(t, "TracePipeline"), "spec", "output", "otlp", "protocol"))
	assert.Equal(t, "grpc", at(render(t, otlp+"\n---\npipelines: {protocol: grpc}").only(t, "TracePipeline"), "spec", "output", "otlp", "protocol"), "with a queue between any will do")
}

func TestGRPCIsTakenWhereItIsNoMistake(t *testing.T) {
	render(t, "global: {traces: {delivery: acknowledged}}\n---\npipelines: {protocol: grpc}") // X-Ray's own API is answered otherwise
	render(t, "global: {traces: {exporter: otlp, delivery: acknowledged}}\n---\npipelines: {protocol: grpc, enabled: false}")
}

func TestNotesSayWhoKeepsTheData(t *testing.T) {
	assert.Contains(t, notesOf(t, "global: {traces: {delivery: acknowledged}, logs: {delivery: acknowledged}}"), `
The collector keeps no traces, logs: Kyma does until AWS has them, at most 256 requests and 300 s. To outlast more:
delivery: queued, which is global.traces.delivery and global.logs.delivery.
`)
	assert.Contains(t, notesOf(t, acknowledged), `
The collector keeps no traces, metrics, logs: Kyma does until AWS has them, at most 256 requests and 300 s. To outlast more:
collector.delivery: queued.
`)
	assert.NotContains(t, notesOf(t, acknowledged), "volume claims")
	assert.NotContains(t, notesOf(t, ""), "The collector keeps no")
}

func TestPodsServeUntilNobodyIsLedToThem(t *testing.T) {
	for kind, values := range workloads {
		spec := render(t, values).podTemplate(t).Spec
		sleep := spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds
		assert.GreaterOrEqual(t, sleep, int64(5), kind)
		// The longest attempt is that of otlp_http, whose timeout is 30 s where it is not given.
		assert.Greater(t, *spec.TerminationGracePeriodSeconds, sleep+30, "%s is killed while it sends", kind)
	}
}

func TestConnectionsDoNotLastForEver(t *testing.T) {
	protocols := at(render(t, "").collectorConfig(t), "receivers", "otlp", "protocols")
	assert.NotEmpty(t, at(protocols, "grpc", "keepalive", "server_parameters", "max_connection_age"))
	assert.Equal(t, false, at(protocols, "http", "keep_alives_enabled"), "or a new pod gets nothing from a sender that keeps its connection")
}

func TestPodsGetLogsAfterTheirGroupIsThere(t *testing.T) {
	assert.Equal(t, int32(5), render(t, otlp).podTemplate(t).Spec.Containers[0].ReadinessProbe.InitialDelaySeconds)
	assert.Zero(t, render(t, "").podTemplate(t).Spec.Containers[0].ReadinessProbe.InitialDelaySeconds)
	assert.Zero(t, render(t, "global: {logs: {enabled: false, exporter: otlp}}").podTemplate(t).Spec.Containers[0].ReadinessProbe.InitialDelaySeconds)
}

func TestWhatIsGivenWinsOverTheSize(t *testing.T) {
	r := render(t, "collector: {size: large, replicas: 2, persistence: {size: 5Gi}, resources: {requests: {cpu: 300m}, limits: {cpu: 2}}}")
	set := typed[appsv1.StatefulSet](t, r, "StatefulSet")
	assert.Equal(t, int32(2), *set.Spec.Replicas)
	assert.Equal(t, "5Gi", set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().String())
	resources := set.Spec.Template.Spec.Containers[0].Resources
	assert.Equal(t, "300m", resources.Requests.Cpu().String())
	assert.Equal(t, "1Gi", resources.Requests.Memory().String(), "the rest is the size's")
	assert.Equal(t, "4Gi", resources.Limits.Memory().String())
	assert.Equal(t, "2", resources.Limits.Cpu().String())
}

func TestEachSizeIsLargerThanTheOneBefore(t *testing.T) {
	var before [4]int64
	for _, size := range []string{"small", "medium", "large", "xlarge"} {
		set := typed[appsv1.StatefulSet](t, render(t, "collector: {size: "+size+"}"), "StatefulSet")
		resources := set.Spec.Template.Spec.Containers[0].Resources
		now := [4]int64{
			int64(*set.Spec.Replicas), resources.Requests.Cpu().MilliValue(), resources.Limits.Memory().Value(),
			set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().Value(),
		}
		for i := range now {
			assert.Greater(t, now[i], before[i], "%s: %v after %v", size, now, before)
		}
		before = now
	}
}

func TestAnAutoscalerLeavesAQueueWhereItIs(t *testing.T) {
	queued := render(t, autoscaled)
	spec := typed[autoscalingv2.HorizontalPodAutoscaler](t, queued, "HorizontalPodAutoscaler").Spec
	assert.Equal(t, "StatefulSet", spec.ScaleTargetRef.Kind)
	assert.Equal(t, autoscalingv2.DisabledPolicySelect, *spec.Behavior.ScaleDown.SelectPolicy)
	assert.Nil(t, at(queued.only(t, "StatefulSet"), "spec", "replicas"), "an upgrade would set back what the autoscaler has chosen")

	r := render(t, autoscaled+"\n---\n"+acknowledged+"\n---\ncollector: {size: medium}")
	spec = typed[autoscalingv2.HorizontalPodAutoscaler](t, r, "HorizontalPodAutoscaler").Spec
	assert.Equal(t, "Deployment", spec.ScaleTargetRef.Kind)
	assert.Nil(t, spec.Behavior.ScaleDown.SelectPolicy, "nothing is kept in a pod")
	assert.Equal(t, int32(1), spec.Behavior.ScaleDown.Policies[0].Value)
	assert.Equal(t, int32(2), *spec.MinReplicas, "that of the size")
	assert.Nil(t, at(r.only(t, "Deployment"), "spec", "replicas"))
}

// upgrade renders the upgrade from one set of values to another, both added to minimal, with the first's workload in the
// cluster.
func upgrade(t *testing.T, from, to string) (*chart.Rendered, error) {
	t.Helper()
	loaded, err := chart.Load(chartPath)
	require.NoError(t, err)
	values, err := chart.Values(valuesFiles(t, minimal+"\n---\n"+to), nil)
	require.NoError(t, err)
	existing := render(t, from)
	kind := "StatefulSet"
	if existing.kinds()[kind] == 0 {
		kind = "Deployment"
	}
	return loaded.Render(values, chart.Release{
		Name: releaseName, Namespace: namespace, Upgrade: true, Cluster: []chart.Object{existing.only(t, kind)},
	})
}

func TestAnUpgradeWithinAModeGoesThrough(t *testing.T) {
	for _, to := range []string{
		"", "collector: {replicas: 3}", "collector: {persistence: {size: 10240Mi}}", "global: {traces: {delivery: acknowledged}}", otlp,
		"collector: {size: large, persistence: {size: 10Gi}}",
	} {
		rendered, err := upgrade(t, "", to)
		require.NoError(t, err, to)
		assert.NotContains(t, rendered.Notes, "WARNING", to)
	}
}

// upgradeRefusals are changes that Kubernetes would refuse, or that would lose what is queued.
var upgradeRefusals = []struct{ from, to, message string }{
	{"collector: {replicas: 2}", "collector: {size: medium}", `
The queue's volumes would be of 50Gi, but StatefulSet cw-kyma-cloudwatch-collector was made with 10Gi, which Kubernetes lets nobody change. Keep them as they are:

collector:
  persistence:
    size: 10Gi

or grow the claims that there are, where their storage class allows it, and make the StatefulSet anew; its pods, their claims and what is queued stay:

  kubectl -n observability delete statefulset cw-kyma-cloudwatch-collector --cascade=orphan
  kubectl -n observability patch pvc queue-cw-kyma-cloudwatch-collector-0 -p '{"spec":{"resources":{"requests":{"storage":"50Gi"}}}}'
  kubectl -n observability patch pvc queue-cw-kyma-cloudwatch-collector-1 -p '{"spec":{"resources":{"requests":{"storage":"50Gi"}}}}'

Then repeat the upgrade.
`},
	{"", "collector: {persistence: {storageClass: fast}}", `
The queue's volumes would be of storage class "fast", but StatefulSet cw-kyma-cloudwatch-collector was made with "", which Kubernetes lets nobody change. Keep it:

collector:
  persistence:
    storageClass: ""

or make the StatefulSet anew, so that further pods get the other class; its pods, their claims and what is queued stay:

  kubectl -n observability delete statefulset cw-kyma-cloudwatch-collector --cascade=orphan

Then repeat the upgrade.
`},
	{"collector: {persistence: {storageClass: slow}}", "collector: {persistence: {storageClass: fast}}", `
The queue's volumes would be of storage class "fast", but StatefulSet cw-kyma-cloudwatch-collector was made with "slow", which Kubernetes lets nobody change. Keep it:

collector:
  persistence:
    storageClass: "slow"

or make the StatefulSet anew, so that further pods get the other class; its pods, their claims and what is queued stay:

  kubectl -n observability delete statefulset cw-kyma-cloudwatch-collector --cascade=orphan

Then repeat the upgrade.
`},
	{"collector: {persistence: {whenDeleted: Delete}}", acknowledged, `
This upgrade replaces StatefulSet cw-kyma-cloudwatch-collector by a Deployment without volumes, and the StatefulSet's claims would be deleted with what is still queued (it has whenDeleted: Delete). Keep them:

  kubectl -n observability patch statefulset cw-kyma-cloudwatch-collector -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"}}}'

Then repeat the upgrade.
`},
}

func TestAnUpgradeThatCannotBeDoneSaysWhatToDo(t *testing.T) {
	for _, r := range upgradeRefusals {
		_, err := upgrade(t, r.from, r.to)
		require.Error(t, err)
		assert.Equal(t, r.message, said(t, err.Error()))
	}
}

func TestAnUpgradeFromAQueueSaysWhereItsDataStays(t *testing.T) {
	for _, to := range []string{acknowledged, deployment} {
		rendered, err := upgrade(t, "", to)
		require.NoError(t, err)
		assert.Contains(t, rendered.Notes, `WARNING: this upgrade replaces StatefulSet cw-kyma-cloudwatch-collector by a Deployment. What the StatefulSet has queued stays on its
claims and is not sent. To send it, go back, wait until otelcol_exporter_queue_size is 0 on each pod, and upgrade again:
  helm -n observability rollback cw
`)
	}
}

func TestAnUpgradeToFewerPodsSaysWhereTheirDataStays(t *testing.T) {
	rendered, err := upgrade(t, "collector: {replicas: 3}", "collector: {replicas: 1}")
	require.NoError(t, err)
	assert.Contains(t, rendered.Notes, `WARNING: this upgrade takes 2 of 3 pods away. What they have queued stays on their claims, queue-cw-kyma-cloudwatch-collector-1
to 2, and is sent when collector.replicas is 3 again.
`)
	for _, to := range []string{"collector: {replicas: 3}", "collector: {replicas: 4}", "collector: {autoscaling: {enabled: true}}"} {
		rendered, err := upgrade(t, "collector: {replicas: 3}", to)
		require.NoError(t, err)
		assert.NotContains(t, rendered.Notes, "WARNING", to)
	}
}

func TestSwitchingTheAutoscalerOnTakesNoPodAway(t *testing.T) {
	for _, way := range []string{"", acknowledged} {
		rendered, err := upgrade(t, way+"\n---\ncollector: {replicas: 3}", way+"\n---\n"+autoscaled)
		require.NoError(t, err)
		objects, err := parseObjects(rendered.Manifest)
		require.NoError(t, err)
		for name, candidate := range objects {
			if strings.HasPrefix(name, "StatefulSet/") || strings.HasPrefix(name, "Deployment/") {
				assert.Equal(t, float64(3), at(candidate, "spec", "replicas"), name)
			}
		}
	}
}

func TestAnUpgradeFromNoQueueToOneIsAnInstallation(t *testing.T) {
	rendered, err := upgrade(t, acknowledged, autoscaled)
	require.NoError(t, err)
	assert.NotContains(t, rendered.Notes, "WARNING")
	objects, err := parseObjects(rendered.Manifest)
	require.NoError(t, err)
	assert.NotContains(t, at(objects[workload], "spec"), "replicas", "there is none to go by")
}

func TestTheCollectorAcceptsTheConfigurationOfEveryDelivery(t *testing.T) {
	binary, err := otelcol.Find(t.Context(), os.Stderr)
	require.NoError(t, err)
	deliveries := map[string]string{
		"queued": "", "acknowledged": acknowledged,
		"traces acknowledged":  "global: {traces: {delivery: acknowledged}}",
		"metrics acknowledged": "global: {metrics: {delivery: acknowledged}}",
		"logs acknowledged":    "global: {logs: {delivery: acknowledged}}",
	}
	for delivery, values := range deliveries {
		for exporters, combination := range combinations() {
			if strings.Contains(exporters, "logs=fluentbit") && strings.Contains(values, "logs") {
				continue // refused
			}
			t.Run(delivery+" "+exporters, func(t *testing.T) {
				t.Parallel()
				r := render(t, values+"\n---\n"+combination)
				if r.kinds()["ConfigMap"] == 0 {
					t.Skip("nothing goes through the collector")
				}
				dir := t.TempDir()
				config := filepath.Join(dir, "config.yaml")
				text := strings.ReplaceAll(typed[corev1.ConfigMap](t, r, "ConfigMap").Data["config.yaml"], "/var/lib/otelcol", dir)
				require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
				require.NoError(t, otelcol.Validate(t.Context(), otelcol.Options{Binary: binary, Configs: []string{config}, Env: []string{
					"POD_IP=127.0.0.1", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=hush", "AWS_EC2_METADATA_DISABLED=true",
				}}))
			})
		}
	}
}
