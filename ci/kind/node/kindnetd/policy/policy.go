// Package policy turns NetworkPolicies into the rules of one node's packet filter. It knows IPv4 only.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Direction is that of the packets which a chain judges.
type Direction string

const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// Chain judges the new connections of one pod in one direction. A packet that none of its rules names is to be dropped.
type Chain struct {
	Direction Direction
	// Address is the pod's.
	Address netip.Addr
	// Pod is namespace/name.
	Pod   string
	Rules []Rule
}

// Rule lets packets pass.
type Rule struct {
	// Match is in the language of nft; empty matches every packet.
	Match string
	// Policy is namespace/name of the policy that says so.
	Policy string
}

// Cluster is what there is. Policies are as the API server stores them, with their policyTypes set.
type Cluster struct {
	Namespaces []*corev1.Namespace
	Pods       []*corev1.Pod
	Policies   []*networkingv1.NetworkPolicy
}

// Plan returns the chains of the pods on a node, in an order of their own. A pod that no policy selects for a direction has
// no chain for it. Pods in the node's network have none, and are no peers.
//
// The semantics are those of the NetworkPolicy API: policies add up, a selected pod is isolated in the policyTypes of the
// policy, and an empty list of peers or ports means all of them. What a pod sends before its address is known to the API
// server is not judged; what it is sent is, because peers are known by address too.
func Plan(cluster Cluster, node string) []Chain {
	p := planner{namespaces: map[string]labels.Set{}}
	for _, namespace := range cluster.Namespaces {
		p.namespaces[namespace.Name] = namespace.Labels
	}
	for _, pod := range cluster.Pods {
		if address, ok := podAddress(pod); ok {
			p.pods = append(p.pods, podAt{pod, address})
		}
	}
	slices.SortFunc(p.pods, func(a, b podAt) int { return a.address.Compare(b.address) })
	policies := slices.Clone(cluster.Policies)
	slices.SortFunc(policies, func(a, b *networkingv1.NetworkPolicy) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})

	var chains []Chain
	for _, pod := range p.pods {
		if pod.Spec.NodeName != node {
			continue
		}
		for _, direction := range []Direction{Ingress, Egress} {
			if chain, isolated := p.chain(pod, direction, policies); isolated {
				chains = append(chains, chain)
			}
		}
	}
	return chains
}

type podAt struct {
	*corev1.Pod
	address netip.Addr
}

func podAddress(pod *corev1.Pod) (netip.Addr, bool) {
	if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(pod.Status.PodIP)
	return address, err == nil && address.Is4()
}

type planner struct {
	namespaces map[string]labels.Set
	pods       []podAt
}

func (p *planner) chain(pod podAt, direction Direction, policies []*networkingv1.NetworkPolicy) (Chain, bool) {
	chain := Chain{Direction: direction, Address: pod.address, Pod: pod.Namespace + "/" + pod.Name}
	isolated := false
	for _, policy := range policies {
		if policy.Namespace != pod.Namespace || !selects(&policy.Spec.PodSelector, pod.Labels) ||
			!slices.Contains(policy.Spec.PolicyTypes, policyTypes[direction]) {
			continue
		}
		isolated = true
		var matches []string
		if direction == Ingress {
			for _, rule := range policy.Spec.Ingress {
				// A named port is the receiving pod's.
				for _, ports := range portMatches(rule.Ports, pod.Pod) {
					matches = append(matches, p.peerMatches("ip saddr", policy.Namespace, rule.From, ports)...)
				}
			}
		} else {
			for _, rule := range policy.Spec.Egress {
				for _, ports := range portMatches(rule.Ports, nil) {
					matches = append(matches, p.peerMatches("ip daddr", policy.Namespace, rule.To, ports)...)
				}
				matches = append(matches, p.namedEgress(policy.Namespace, rule)...)
			}
		}
		for _, match := range matches {
			chain.Rules = append(chain.Rules, Rule{Match: match, Policy: policy.Namespace + "/" + policy.Name})
		}
	}
	return chain, isolated
}

var policyTypes = map[Direction]networkingv1.PolicyType{
	Ingress: networkingv1.PolicyTypeIngress,
	Egress:  networkingv1.PolicyTypeEgress,
}

// portMatches returns one match for each port, and a single empty one for no ports, which are all ports. Named ports are
// those of the receiver; without one they are left out. There are no sets, because nft refuses those that overlap.
func portMatches(ports []networkingv1.NetworkPolicyPort, receiver *corev1.Pod) []string {
	if len(ports) == 0 {
		return []string{""}
	}
	var matches []string
	add := func(port networkingv1.NetworkPolicyPort, number any) {
		matches = append(matches, fmt.Sprintf("%s dport %v", protocolOf(port), number))
	}
	for _, port := range ports {
		switch {
		case port.Port == nil:
			add(port, "0-65535")
		case port.Port.Type == intstr.String:
			if receiver != nil {
				for _, number := range namedPorts(receiver, port) {
					add(port, number)
				}
			}
		case port.EndPort != nil:
			add(port, fmt.Sprintf("%d-%d", port.Port.IntVal, *port.EndPort))
		default:
			add(port, port.Port.IntVal)
		}
	}
	return matches
}

func protocolOf(port networkingv1.NetworkPolicyPort) string {
	if port.Protocol == nil {
		return "tcp"
	}
	return strings.ToLower(string(*port.Protocol))
}

// namedPorts are the numbers that a pod gives a name for the port's protocol.
func namedPorts(pod *corev1.Pod, port networkingv1.NetworkPolicyPort) []int32 {
	var numbers []int32
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, p := range container.Ports {
			protocol := strings.ToLower(string(p.Protocol))
			if protocol == "" {
				protocol = "tcp"
			}
			if p.Name == port.Port.StrVal && protocol == protocolOf(port) {
				numbers = append(numbers, p.ContainerPort)
			}
		}
	}
	return numbers
}

// namedEgress resolves a rule's named ports at each pod that it allows, since each may give the name another number.
func (p *planner) namedEgress(namespace string, rule networkingv1.NetworkPolicyEgressRule) []string {
	named := slices.DeleteFunc(slices.Clone(rule.Ports), func(port networkingv1.NetworkPolicyPort) bool {
		return port.Port == nil || port.Port.Type != intstr.String
	})
	if len(named) == 0 {
		return nil
	}
	var matches []string
	for _, pod := range p.pods {
		allowed := len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool {
			return peer.IPBlock == nil && p.isPeer(peer, namespace, pod)
		})
		if !allowed {
			continue
		}
		for _, ports := range portMatches(named, pod.Pod) {
			matches = append(matches, "ip daddr "+pod.address.String()+" "+ports)
		}
	}
	return matches
}

// peerMatches returns a match for the pods among the peers together, and one for each block of addresses, each with the
// match of the ports. Without peers, all addresses pass.
func (p *planner) peerMatches(field, namespace string, peers []networkingv1.NetworkPolicyPeer, ports string) []string {
	if len(peers) == 0 {
		return []string{ports}
	}
	var matches []string
	match := func(address string) { matches = append(matches, strings.TrimSpace(address+" "+ports)) }

	var addresses []string
	for _, pod := range p.pods {
		for _, peer := range peers {
			if peer.IPBlock == nil && p.isPeer(peer, namespace, pod) {
				addresses = append(addresses, pod.address.String())
				break
			}
		}
	}
	if len(addresses) > 0 {
		match(field + " " + set(addresses))
	}
	for _, peer := range peers {
		if peer.IPBlock == nil {
			continue
		}
		if prefix, err := netip.ParsePrefix(peer.IPBlock.CIDR); err != nil || !prefix.Addr().Is4() {
			continue
		}
		block := field + " " + peer.IPBlock.CIDR
		if len(peer.IPBlock.Except) > 0 {
			block += " " + field + " != " + set(peer.IPBlock.Except)
		}
		match(block)
	}
	return matches
}

// isPeer says whether a pod is one that a peer selects: pods of the policy's own namespace without a namespaceSelector.
func (p *planner) isPeer(peer networkingv1.NetworkPolicyPeer, namespace string, pod podAt) bool {
	if peer.NamespaceSelector == nil {
		return pod.Namespace == namespace && selects(peer.PodSelector, pod.Labels)
	}
	own, known := p.namespaces[pod.Namespace]
	if !known || !selects(peer.NamespaceSelector, own) {
		return false
	}
	return peer.PodSelector == nil || selects(peer.PodSelector, pod.Labels)
}

// selects says whether a selector selects labels; nil selects nothing, an empty one everything.
func selects(selector *metav1.LabelSelector, set labels.Set) bool {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(set)
}

func set(elements []string) string {
	return "{ " + strings.Join(elements, ", ") + " }"
}
