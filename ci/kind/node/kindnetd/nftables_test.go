package main

import (
	"net/netip"
	"strings"
	"testing"

	"sigs.k8s.io/knftables"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/node/kindnetd/policy"
)

func TestTheTableHoldsWhatIsAllowedAndDropsTheRest(t *testing.T) {
	nft := knftables.NewFake(knftables.IPv4Family, table)
	chain := policy.Chain{
		Direction: policy.Ingress, Address: netip.MustParseAddr("10.244.1.2"), Pod: "release/collector",
		Rules: []policy.Rule{{Match: "ip saddr { 10.244.1.3 } tcp dport 4317", Policy: "release/policy"}, {Match: "", Policy: "release/open"}},
	}
	if err := applyRules(t.Context(), nft, "10.244.0.0/16", []policy.Chain{chain}); err != nil {
		t.Fatal(err)
	}
	dump := nft.Dump()
	for _, line := range []string{
		`add rule ip kindnet postrouting ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade`,
		`add element ip kindnet ingress { 10.244.1.2 : jump ingress-10.244.1.2 }`,
		`add rule ip kindnet ingress-10.244.1.2 ip saddr 10.244.1.2 return comment "itself"
add rule ip kindnet ingress-10.244.1.2 ip saddr { 10.244.1.3 } tcp dport 4317 return comment "release/policy"
add rule ip kindnet ingress-10.244.1.2 return comment "release/open"
add rule ip kindnet ingress-10.244.1.2 counter drop`,
	} {
		if !strings.Contains(dump, line) {
			t.Errorf("the table lacks\n%s\nit is\n%s", line, dump)
		}
	}

	// What is gone from the plan is gone from the table.
	if err := applyRules(t.Context(), nft, "10.244.0.0/16", nil); err != nil {
		t.Fatal(err)
	}
	if dump := nft.Dump(); strings.Contains(dump, "10.244.1.2") {
		t.Errorf("the table still is\n%s", dump)
	}
}
