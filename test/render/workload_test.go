package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// workloads are the two forms that the collector has.
var workloads = map[string]string{"StatefulSet": "", "Deployment": deployment}

func TestPersistenceMakesAStatefulSetWithAClaimForTheQueue(t *testing.T) {
	r := render(t, "")
	set := typed[appsv1.StatefulSet](t, r, "StatefulSet")
	require.Len(t, set.Spec.VolumeClaimTemplates, 1)
	assert.Equal(t, "queue", set.Spec.VolumeClaimTemplates[0].Name)
	assert.Zero(t, r.kinds()["Deployment"])
	assert.Equal(t, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, set.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled, "what a removed replica has queued is not lost")
	assert.Equal(t, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted)
	headless, ok := r.objects["Service/"+set.Spec.ServiceName]
	require.True(t, ok, "the Service that the StatefulSet names")
	assert.Equal(t, "None", at(headless, "spec", "clusterIP"))
}

func TestWithoutPersistenceItIsADeploymentWithABoundedEmptyDir(t *testing.T) {
	r := render(t, deployment)
	assert.Equal(t, map[string]int{"ConfigMap": 1, "Deployment": 1, "LogPipeline": 1, "MetricPipeline": 1, "NetworkPolicy": 1, "PodDisruptionBudget": 1, "Service": 1, "ServiceAccount": 1, "TracePipeline": 1}, r.kinds())
	rolling := typed[appsv1.Deployment](t, r, "Deployment").Spec.Strategy.RollingUpdate
	assert.Zero(t, rolling.MaxUnavailable.IntValue(), "the new pod is there before the old one goes")
}

func TestTheQueueStandsOnTheVolumeInBothForms(t *testing.T) {
	for kind, values := range workloads {
		r := render(t, values)
		directory := at(r.collectorConfig(t), "extensions", "file_storage", "directory").(string)
		mounts := r.podTemplate(t).Spec.Containers[0].VolumeMounts
		index := slices.IndexFunc(mounts, func(m corev1.VolumeMount) bool { return strings.HasPrefix(directory, m.MountPath+"/") })
		require.GreaterOrEqual(t, index, 0, "%s: nothing is mounted at %s", kind, directory)
		assert.Equal(t, "queue", mounts[index].Name)
		assert.False(t, mounts[index].ReadOnly)
		assert.NotZero(t, *r.podTemplate(t).Spec.SecurityContext.FSGroup, "%s: the volume has to be writable", kind)
	}
}

func TestSelectorsFindThePods(t *testing.T) {
	for kind, values := range workloads {
		// Labels of the user's must not be able to lead a selector astray.
		r := render(t, values+"\n---\ncollector: {labels: {team: a}, podLabels: {tier: b}}")
		pod := labels.Set(r.podTemplate(t).Labels)
		selectors := map[string]*metav1.LabelSelector{
			"PodDisruptionBudget": typed[policyv1.PodDisruptionBudget](t, r, "PodDisruptionBudget").Spec.Selector,
			"NetworkPolicy":       &typed[networkingv1.NetworkPolicy](t, r, "NetworkPolicy").Spec.PodSelector,
		}
		var workloadSelector metav1.LabelSelector
		require.NoError(t, yaml.Unmarshal([]byte(mustYAML(t, at(r.only(t, kind), "spec", "selector"))), &workloadSelector))
		selectors[kind] = &workloadSelector
		for name, candidate := range r.objects {
			if strings.HasPrefix(name, "Service/") {
				selector := &metav1.LabelSelector{MatchLabels: map[string]string{}}
				for key, value := range at(candidate, "spec", "selector").(object) {
					selector.MatchLabels[key] = value.(string)
				}
				selectors[name] = selector
			}
		}
		for i, constraint := range r.podTemplate(t).Spec.TopologySpreadConstraints {
			selectors[fmt.Sprintf("spread %d", i)] = constraint.LabelSelector
		}
		for name, selector := range selectors {
			parsed, err := metav1.LabelSelectorAsSelector(selector)
			require.NoError(t, err)
			assert.False(t, parsed.Empty(), "%s selects every pod", name)
			assert.True(t, parsed.Matches(pod), "%s with %s", name, kind)
			assert.NotContains(t, parsed.String(), "team", "%s can never change, the user's labels can", name)
		}
	}
}

func TestWhatCannotChangeInAnUpgradeDoesNot(t *testing.T) {
	immutable := func(r release) []any {
		set := r.only(t, "StatefulSet")
		return []any{at(set, "spec", "selector"), at(set, "spec", "serviceName"), at(set, "spec", "podManagementPolicy"), at(set, "spec", "volumeClaimTemplates"), at(set, "metadata", "name")}
	}
	before := immutable(render(t, ""))
	for _, values := range []string{
		"collector: {labels: {team: a}, podLabels: {tier: b}, replicas: 5, image: {tag: v9}, podAnnotations: {a: b}}",
		"global: {clusterName: other, logs: {enabled: false}, aws: {region: us-east-1}}",
		"pipelines: {enabled: false}",
	} {
		assert.Equal(t, before, immutable(render(t, values)), values)
	}
}

func TestServicesLeadToThePortsOfTheCollector(t *testing.T) {
	for _, values := range workloads {
		r := render(t, values)
		config := r.collectorConfig(t)
		ports := map[string]int32{}
		for _, port := range r.podTemplate(t).Spec.Containers[0].Ports {
			ports[port.Name] = port.ContainerPort
		}
		listens := func(endpoint any) int32 {
			_, port, _ := strings.Cut(endpoint.(string), ":")
			port = port[strings.LastIndex(port, ":")+1:]
			number, err := strconv.ParseInt(port, 10, 32)
			require.NoError(t, err, endpoint)
			return int32(number)
		}
		assert.Equal(t, map[string]int32{
			"grpc-otlp": listens(at(config, "receivers", "otlp", "protocols", "grpc", "endpoint")),
			"http-otlp": listens(at(config, "receivers", "otlp", "protocols", "http", "endpoint")),
			"health":    listens(at(config, "extensions", "health_check", "endpoint")),
			"metrics":   8888,
		}, ports)
		for name, candidate := range r.objects {
			if !strings.HasPrefix(name, "Service/") {
				continue
			}
			var service corev1.Service
			require.NoError(t, yaml.UnmarshalStrict([]byte(mustYAML(t, candidate)), &service))
			named := map[string]int32{}
			for _, port := range service.Spec.Ports {
				named[port.Name] = port.Port
				assert.Contains(t, ports, port.TargetPort.StrVal, name)
			}
			want := map[string]int32{"grpc-otlp": 4317, "http-otlp": 4318, "metrics": 8888}
			if service.Spec.ClusterIP == corev1.ClusterIPNone {
				delete(want, "metrics") // a ServiceMonitor would find each pod twice
			}
			assert.Equal(t, want, named, name)
		}
		readers := at(config, "service", "telemetry", "metrics", "readers").([]any)
		assert.Equal(t, float64(8888), at(readers[0], "pull", "exporter", "prometheus", "port"))
		for _, probe := range []*corev1.Probe{r.podTemplate(t).Spec.Containers[0].LivenessProbe, r.podTemplate(t).Spec.Containers[0].ReadinessProbe, r.podTemplate(t).Spec.Containers[0].StartupProbe} {
			assert.Equal(t, "health", probe.HTTPGet.Port.StrVal)
		}
	}
}

func TestMemorySettingsFollowFromTheLimit(t *testing.T) {
	for limit, bytes := range map[string]int64{
		"256Mi":      256 << 20,
		"1Gi":        1 << 30,
		"1.5Gi":      3 << 29,
		"500M":       500_000_000,
		"1.5G":       1_500_000_000,
		"2e9":        2_000_000_000,
		"1073741824": 1 << 30,
	} {
		r := render(t, "collector: {resources: {requests: {memory: 64Mi}, limits: {memory: '"+limit+"'}}}")
		assert.Equal(t, strconv.FormatInt(bytes*8/10, 10), r.env(t)["GOMEMLIMIT"], limit)
		limiter := at(r.collectorConfig(t), "processors", "memory_limiter")
		assert.Equal(t, float64(bytes*8/10>>20), at(limiter, "limit_mib"), limit)
		assert.Equal(t, float64(bytes*2/10>>20), at(limiter, "spike_limit_mib"), limit)
		quantity := resource.MustParse(limit)
		assert.Equal(t, quantity.Value(), bytes, "this test's own arithmetic")
		assert.Equal(t, bytes, r.podTemplate(t).Spec.Containers[0].Resources.Limits.Memory().Value(), limit)
	}
}

func TestWithoutAMemoryLimitTheCollectorTakesItsShareOfTheNode(t *testing.T) {
	r := render(t, "collector: {resources: {limits: null}}")
	assert.NotContains(t, r.env(t), "GOMEMLIMIT")
	assert.NotContains(t, r.env(t), "GOGC", "nothing would bound the garbage")
	limiter := at(r.collectorConfig(t), "processors", "memory_limiter")
	assert.Equal(t, float64(80), at(limiter, "limit_percentage"))
	assert.Equal(t, float64(20), at(limiter, "spike_limit_percentage"))
	assert.NotContains(t, limiter, "limit_mib")
	assert.Nil(t, r.podTemplate(t).Spec.Containers[0].Resources.Limits)
}

func TestPodsRestartForAChangedConfigurationOnly(t *testing.T) {
	before := render(t, "").podTemplate(t).Annotations
	assert.NotEqual(t, before, render(t, "global: {metrics: {namespace: Other}}").podTemplate(t).Annotations)
	assert.Equal(t, before, render(t, "collector: {replicas: 4}").podTemplate(t).Annotations)
	assert.Equal(t, before, render(t, "pipelines: {metrics: {input: {istio: {enabled: false}}}}").podTemplate(t).Annotations)
}

func TestPodsStayRestrictedWithAnotherUser(t *testing.T) {
	template := render(t, "collector: {podSecurityContext: {runAsUser: 1000, fsGroup: 2000}, securityContext: {readOnlyRootFilesystem: false}}").podTemplate(t)
	assert.Empty(t, podSecurityViolations(t, template))
	assert.Equal(t, int64(1000), *template.Spec.SecurityContext.RunAsUser)
	assert.Equal(t, int64(2000), *template.Spec.SecurityContext.FSGroup)
	assert.Equal(t, int64(4317), *template.Spec.SecurityContext.RunAsGroup)
}

func TestPodsFlushBeforeTheyAreKilled(t *testing.T) {
	for kind, values := range workloads {
		grace := render(t, values).podTemplate(t).Spec.TerminationGracePeriodSeconds
		assert.GreaterOrEqual(t, *grace, int64(30), kind)
	}
}

func TestThePodsSpreadOverNodesAndZones(t *testing.T) {
	var keys []string
	for _, constraint := range render(t, "").podTemplate(t).Spec.TopologySpreadConstraints {
		keys = append(keys, constraint.TopologyKey)
		assert.Equal(t, corev1.ScheduleAnyway, constraint.WhenUnsatisfiable, "a cluster of one node has to be able to run it")
	}
	assert.Equal(t, []string{"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, keys)
}

func TestASelectorOfTheUsersSpreadConstraintIsKept(t *testing.T) {
	constraints := render(t, "collector: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {mine: 'yes'}}}]}").podTemplate(t).Spec.TopologySpreadConstraints
	assert.Equal(t, "yes", constraints[0].LabelSelector.MatchLabels["mine"])
}

func TestOnePodAtATimeMayBeEvicted(t *testing.T) {
	spec := typed[policyv1.PodDisruptionBudget](t, render(t, "collector: {replicas: 1}"), "PodDisruptionBudget").Spec
	assert.Equal(t, 1, spec.MaxUnavailable.IntValue())
	assert.Nil(t, spec.MinAvailable, "with one replica a node could not be drained")
}

func TestTheNetworkPolicyLetsInKymasSendersAndNobodyElse(t *testing.T) {
	spec := typed[networkingv1.NetworkPolicy](t, render(t, ""), "NetworkPolicy").Spec
	assert.Equal(t, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}, spec.PolicyTypes)
	in := map[string][]string{}
	for _, rule := range spec.Ingress {
		require.NotEmpty(t, rule.From, "a rule without from lets everyone in")
		for _, peer := range rule.From {
			require.NotNil(t, peer.NamespaceSelector)
			require.Nil(t, peer.PodSelector, "Kyma's log agent has no label of its own")
			for _, expression := range peer.NamespaceSelector.MatchExpressions {
				assert.Equal(t, corev1.LabelMetadataName, expression.Key)
				for _, port := range rule.Ports {
					in[port.Port.String()] = append(in[port.Port.String()], expression.Values...)
				}
			}
		}
	}
	assert.Equal(t, map[string][]string{"grpc-otlp": {"kyma-system"}, "http-otlp": {"kyma-system"}, "metrics": {"kyma-system"}}, in)
}

func TestTheNetworkPolicyLetsOutDNSAndAWSOnly(t *testing.T) {
	for endpoint, port := range map[string]int{
		"":                                 443,
		"http://localstack.aws:4566":       4566,
		"https://vpce.example.com":         443,
		"http://gateway.example.com":       80,
		"https://gateway.example.com:8443": 8443,
	} {
		var ports []int
		for _, rule := range typed[networkingv1.NetworkPolicy](t, render(t, "global: {aws: {endpoint: '"+endpoint+"'}}"), "NetworkPolicy").Spec.Egress {
			require.NotEmpty(t, rule.Ports, "a rule without ports lets everything out")
			for _, allowed := range rule.Ports {
				ports = append(ports, allowed.Port.IntValue())
			}
		}
		slices.Sort(ports)
		want := []int{53, 8053, port}
		slices.Sort(want)
		assert.Equal(t, want, slices.Compact(ports), endpoint)
	}
}

func TestEveryObjectIsLabelledAndInTheReleasesNamespace(t *testing.T) {
	r := render(t, ownKeys+"\n---\ncollector: {labels: {team: a}}\n---\npipelines: {labels: {team: a}}")
	for name, candidate := range r.objects {
		if strings.Contains(name, "Pipeline/") {
			assert.Nil(t, at(candidate, "metadata", "namespace"), "%s is cluster-scoped", name)
		} else {
			assert.Equal(t, namespace, at(candidate, "metadata", "namespace"), name)
		}
		for _, label := range []string{"app.kubernetes.io/name", "app.kubernetes.io/component", "helm.sh/chart"} {
			assert.NotEmpty(t, at(candidate, "metadata", "labels", label), "%s %s", name, label)
		}
		assert.Equal(t, releaseName, at(candidate, "metadata", "labels", "app.kubernetes.io/instance"), name)
		assert.Equal(t, "Helm", at(candidate, "metadata", "labels", "app.kubernetes.io/managed-by"), name)
		if !strings.HasPrefix(name, "Secret/") {
			assert.Equal(t, "a", at(candidate, "metadata", "labels", "team"), name)
		}
	}
}

func TestNamesFitWhateverTheReleaseIsCalled(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"a", "cw", "kyma-cloudwatch", "my-kyma-cloudwatch", "0-starts-with-a-digit", "has.dots.in.it",
		strings.Repeat("a", 53), strings.Repeat("a", 52) + "b", // the most that Helm allows; they differ at the end
		strings.Repeat("b", 33) + "-" + strings.Repeat("c", 10),
	} {
		r, err := install{chart: chartPath, name: name, namespace: namespace, values: minimal}.rendered(t)
		require.NoError(t, err, name)
		requireValid(t, r)
		for key, candidate := range r.objects {
			kind, objectName, _ := strings.Cut(key, "/")
			assert.Empty(t, validation.IsDNS1035Label(objectName), "%s of release %s", key, name)
			assert.NotContains(t, seen, key, "release %s", name)
			seen[key] = name
			if kind == "StatefulSet" {
				// Its pods carry the label controller-revision-hash: the name, a dash and ten characters.
				assert.LessOrEqual(t, len(objectName), 52, name)
			}
			for label, value := range at(candidate, "metadata", "labels").(object) {
				assert.Empty(t, validation.IsValidLabelValue(value.(string)), "%s %s of release %s", key, label, name)
			}
		}
	}
	assert.NotEmpty(t, slices.Collect(maps.Keys(seen)))
}

func TestWithoutAnythingToDoThereIsNoCollector(t *testing.T) {
	kinds := render(t, "global: {traces: {enabled: false}, metrics: {enabled: false}, logs: {via: fluentbit}}").kinds()
	assert.Equal(t, map[string]int{"LogPipeline": 1}, kinds)
}

func TestTheCollectorAloneComesWithoutPipelines(t *testing.T) {
	for kind := range render(t, "pipelines: {enabled: false}").kinds() {
		assert.NotContains(t, kind, "Pipeline")
	}
}
