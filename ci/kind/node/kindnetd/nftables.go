package main

import (
	"context"
	"fmt"

	"sigs.k8s.io/knftables"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/node/kindnetd/policy"
)

// table is the only one that is touched.
const table = "kindnet"

// applyRules replaces the table by one that masquerades what leaves the cluster's pods and holds the chains to what they
// allow. It is one transaction: no packet finds half of it.
func applyRules(ctx context.Context, nft knftables.Interface, podSubnet string, chains []policy.Chain) error {
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("routes and network policies of pods")})

	base := func(name string, kind knftables.BaseChainType, hook knftables.BaseChainHook, priority knftables.BaseChainPriority, rules ...string) {
		tx.Add(&knftables.Chain{Name: name, Type: &kind, Hook: &hook, Priority: &priority})
		for _, rule := range rules {
			tx.Add(&knftables.Rule{Chain: name, Rule: rule})
		}
	}
	for _, direction := range []policy.Direction{policy.Ingress, policy.Egress} {
		tx.Add(&knftables.Map{Name: string(direction), Type: "ipv4_addr : verdict"})
	}
	// Between pods the sender's address must stay: policies judge by it.
	base("postrouting", knftables.NATType, knftables.PostroutingHook, knftables.SNATPriority,
		fmt.Sprintf("ip saddr %s ip daddr != %s masquerade", podSubnet, podSubnet))
	// Answers to what was let through pass. The node itself reaches its pods (probes), which is the output hook.
	base("forward", knftables.FilterType, knftables.ForwardHook, knftables.FilterPriority,
		"ct state established,related accept", "ip saddr vmap @egress", "ip daddr vmap @ingress")
	base("input", knftables.FilterType, knftables.InputHook, knftables.FilterPriority,
		"ct state established,related accept", "ip saddr vmap @egress")

	for _, chain := range chains {
		name := fmt.Sprintf("%s-%s", chain.Direction, chain.Address)
		tx.Add(&knftables.Chain{Name: name, Comment: knftables.PtrTo(chain.Pod)})
		other := map[policy.Direction]string{policy.Ingress: "ip saddr", policy.Egress: "ip daddr"}[chain.Direction]
		tx.Add(&knftables.Rule{Chain: name, Rule: fmt.Sprintf("%s %s return", other, chain.Address), Comment: knftables.PtrTo("itself")})
		for _, rule := range chain.Rules {
			tx.Add(&knftables.Rule{Chain: name, Rule: knftables.Concat(rule.Match, "return"), Comment: knftables.PtrTo(rule.Policy)})
		}
		tx.Add(&knftables.Rule{Chain: name, Rule: "counter drop"})
		tx.Add(&knftables.Element{Map: string(chain.Direction), Key: []string{chain.Address.String()}, Value: []string{"jump " + name}})
	}
	return nft.Run(ctx, tx)
}
