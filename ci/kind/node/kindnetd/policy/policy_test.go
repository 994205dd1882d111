package policy

import (
	"net/netip"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const node = "worker"

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}}
}

func pod(namespace, name, address string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Ports: ports}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: address},
	}
}

func port(name string, number int32) corev1.ContainerPort {
	return corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: corev1.ProtocolTCP}
}

// policyOf returns a policy in namespace "release", named "policy", with a spec in YAML.
func policyOf(t *testing.T, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	policy := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "release", Name: "policy"}}
	if err := yaml.UnmarshalStrict([]byte(spec), &policy.Spec); err != nil {
		t.Fatal(err)
	}
	return &policy
}

// cluster has a collector, a gateway in kyma-system with a port of its own by the collector's name, and a shop.
func cluster(policies ...*networkingv1.NetworkPolicy) Cluster {
	return Cluster{
		Namespaces: []*corev1.Namespace{namespace("release"), namespace("kyma-system"), namespace("shop")},
		Pods: []*corev1.Pod{
			pod("release", "collector", "10.244.1.2", port("grpc-otlp", 4317), port("metrics", 8888)),
			pod("kyma-system", "gateway", "10.244.1.3", port("grpc-otlp", 14317)),
			pod("shop", "frontend", "10.244.1.4"),
		},
		Policies: policies,
	}
}

// matches returns what may pass to or from the collector, and false when it is not isolated in that direction.
func matches(chains []Chain, direction Direction) (rules []string, isolated bool) {
	for _, chain := range chains {
		if chain.Pod == "release/collector" && chain.Direction == direction {
			isolated = true
			for _, rule := range chain.Rules {
				rules = append(rules, rule.Match)
			}
		}
	}
	return rules, isolated
}

func TestRulesOfAPolicy(t *testing.T) {
	for _, test := range []struct {
		name            string
		spec            string
		ingress, egress []string // nil: not isolated
	}{
		{
			name: "namespaces by name, named ports are the receiver's",
			spec: `
podSelector: {matchLabels: {app: collector}}
policyTypes: [Ingress]
ingress:
  - from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [kyma-system, shop]}]}}]
    ports: [{port: grpc-otlp, protocol: TCP}, {port: metrics, protocol: TCP}]`,
			ingress: []string{"ip saddr { 10.244.1.3, 10.244.1.4 } tcp dport 4317", "ip saddr { 10.244.1.3, 10.244.1.4 } tcp dport 8888"},
		},
		{
			name: "a port name that the receiver does not have lets nothing pass",
			spec: `
podSelector: {}
policyTypes: [Ingress]
ingress: [{ports: [{port: gprc-otlp, protocol: TCP}]}]`,
			ingress: []string{},
		},
		{
			name: "a named port of another protocol lets nothing pass",
			spec: `
podSelector: {}
policyTypes: [Ingress]
ingress: [{ports: [{port: grpc-otlp, protocol: UDP}]}]`,
			ingress: []string{},
		},
		{
			name: "a namespace that is not there lets nothing pass",
			spec: `
podSelector: {}
policyTypes: [Ingress]
ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kyma}}}]}]`,
			ingress: []string{},
		},
		{
			name:    "default deny of both",
			spec:    `{podSelector: {}, policyTypes: [Ingress, Egress]}`,
			ingress: []string{}, egress: []string{},
		},
		{
			name:    "an empty rule lets everything pass",
			spec:    `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}`,
			ingress: []string{""}, egress: []string{""},
		},
		{
			name: "numbers, protocols and ranges to everywhere",
			spec: `
podSelector: {}
policyTypes: [Egress]
egress: [{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 8000, endPort: 8099}, {protocol: TCP}]}]`,
			egress: []string{"udp dport 53", "tcp dport 53", "tcp dport 8000-8099", "tcp dport 0-65535"},
		},
		{
			name: "blocks of addresses, with exceptions; IPv6 is not of this cluster",
			spec: `
podSelector: {}
policyTypes: [Egress]
egress:
  - to:
      - ipBlock: {cidr: 169.254.169.254/32}
      - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12]}
      - ipBlock: {cidr: "::/0"}
    ports: [{port: 80, protocol: TCP}]`,
			egress: []string{
				"ip daddr 169.254.169.254/32 tcp dport 80",
				"ip daddr 0.0.0.0/0 ip daddr != { 10.0.0.0/8, 172.16.0.0/12 } tcp dport 80",
			},
		},
		{
			name: "a named port of egress is looked up at each receiver",
			spec: `
podSelector: {matchLabels: {app: collector}}
policyTypes: [Egress]
egress: [{to: [{namespaceSelector: {}}], ports: [{port: grpc-otlp}]}]`,
			egress: []string{"ip daddr 10.244.1.2 tcp dport 4317", "ip daddr 10.244.1.3 tcp dport 14317"},
		},
		{
			name: "a podSelector alone means the policy's namespace",
			spec: `
podSelector: {}
policyTypes: [Ingress]
ingress: [{from: [{podSelector: {}}]}]`,
			ingress: []string{"ip saddr { 10.244.1.2 }"},
		},
		{
			name: "both selectors of a peer must hold",
			spec: `
podSelector: {}
policyTypes: [Ingress]
ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: frontend}}}]}]`,
			ingress: []string{"ip saddr { 10.244.1.4 }"},
		},
		{
			name: "a policy for other pods isolates nothing",
			spec: `{podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress, Egress]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			chains := Plan(cluster(policyOf(t, test.spec)), node)
			for direction, want := range map[Direction][]string{Ingress: test.ingress, Egress: test.egress} {
				got, isolated := matches(chains, direction)
				if isolated != (want != nil) {
					t.Fatalf("%s: isolated is %t", direction, isolated)
				}
				if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %q, want %q", direction, got, want)
				}
			}
		})
	}
}

func TestPoliciesAddUp(t *testing.T) {
	deny := policyOf(t, `{podSelector: {}, policyTypes: [Ingress]}`)
	deny.Name = "deny"
	allow := policyOf(t, `{podSelector: {matchLabels: {app: collector}}, policyTypes: [Ingress], ingress: [{ports: [{port: 4317}]}]}`)
	got, isolated := matches(Plan(cluster(deny, allow), node), Ingress)
	if want := []string{"tcp dport 4317"}; !isolated || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q (isolated %t), want %q", got, isolated, want)
	}
}

func TestAPolicyIsOfItsNamespaceOnly(t *testing.T) {
	for _, chain := range Plan(cluster(policyOf(t, `{podSelector: {}, policyTypes: [Ingress]}`)), node) {
		if chain.Pod != "release/collector" {
			t.Errorf("%s is isolated", chain.Pod)
		}
	}
}

func TestOnlyPodsOfThisNodeWithAnAddressOfTheirOwnAreJudged(t *testing.T) {
	c := cluster(policyOf(t, `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}`))
	elsewhere := pod("release", "elsewhere", "10.244.0.9")
	elsewhere.Spec.NodeName = "control-plane"
	onHost := pod("release", "on-host", "172.18.0.3")
	onHost.Spec.HostNetwork = true
	done := pod("release", "done", "10.244.1.2") // its address is the collector's by now
	done.Status.Phase = corev1.PodSucceeded
	starting := pod("release", "starting", "")
	c.Pods = append(c.Pods, elsewhere, onHost, done, starting)

	want := []Chain{{
		Direction: Ingress, Address: netip.MustParseAddr("10.244.1.2"), Pod: "release/collector",
		// The pod elsewhere may send, all the same.
		Rules: []Rule{{Match: "ip saddr { 10.244.0.9, 10.244.1.2 }", Policy: "release/policy"}},
	}}
	if got := Plan(c, node); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
