package main

import (
	"fmt"
	"runtime"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry/shop"
)

// The cluster that the shop pretends to run in. Names and sizes are made up.
const (
	clusterName      = "demo"
	clusterUID       = "6f2a0a9e-7a0c-4f59-8e4b-1d2f3c4b5a69"
	cloudProvider    = "aws"
	cloudRegion      = "eu-central-1"
	namespace        = "shop"
	telemetryVersion = "1.69.0" // of Kyma's telemetry module, the version of its agents' scopes
)

// node is a worker of the cluster.
type node struct{ name, zone, hostType string }

var nodes = []node{
	{"shoot--demo--worker-a-z1-6c8d4-x2x7p", "eu-central-1a", "m5.large"},
	{"shoot--demo--worker-a-z2-7f9b5-q4kzt", "eu-central-1b", "m5.large"},
}

// pod is one replica of a service.
type pod struct {
	service     string
	name, uid   string
	workload    string // the attribute that names its owner
	node        node
	cpuRequest  float64 // cores
	cpuLimit    float64
	memoryLimit int64 // bytes, requested too
}

// pods is the shop, in an order in which each finds those that it calls.
// The frontend has two replicas, whose datapoints have the same attributes.
var pods = []pod{
	{shop.Payment, "payment-5d7c9f6b8-7m2xk", "0c1d8f60-2c0b-4d0f-9a59-5a4a39c0b001", "k8s.deployment.name", nodes[0], 0.05, 0.5, 64 << 20},
	{shop.Shipping, "shipping-6b9d4c7f5-tq8vn", "0c1d8f60-2c0b-4d0f-9a59-5a4a39c0b002", "k8s.deployment.name", nodes[1], 0.05, 0.5, 64 << 20},
	{shop.Inventory, "inventory-0", "0c1d8f60-2c0b-4d0f-9a59-5a4a39c0b003", "k8s.statefulset.name", nodes[1], 0.1, 0.5, 128 << 20},
	{shop.Checkout, "checkout-7c5f8d9b4-zl6wd", "0c1d8f60-2c0b-4d0f-9a59-5a4a39c0b004", "k8s.deployment.name", nodes[0], 0.1, 1, 128 << 20},
	{shop.Frontend, "frontend-84b6d7c5f9-h5jqr", "0c1d8f60-2c0b-4d0f-9a59-5a4a39c0b005", "k8s.deployment.name", nodes[0], 0.1, 1, 128 << 20},
	{shop.Frontend, "frontend-84b6d7c5f9-w9ptx", "0c1d8f60-2c0b-4d0f-9a59-5a4a39c0b006", "k8s.deployment.name", nodes[1], 0.1, 1, 128 << 20},
}

func podByUID(uid string) (pod, error) {
	for _, p := range pods {
		if p.uid == uid {
			return p, nil
		}
	}
	return pod{}, fmt.Errorf("no pod has the uid %q", uid)
}

// put sets an attribute that is not there yet.
func put(attributes pcommon.Map, key, value string) {
	if v, has := attributes.Get(key); !has || v.AsString() == "" {
		attributes.PutStr(key, value)
	}
}

// enrich adds the attributes that Kyma's gateway and agents add: those of its k8sattributes processor
// (pod_association by k8s.pod.uid), its service name and its cluster
// (telemetry-manager, internal/otelcollector/config/common/processor_builders.go).
func (p pod) enrich(resource pcommon.Resource) {
	a := resource.Attributes()
	put(a, "k8s.pod.name", p.name)
	put(a, "k8s.pod.uid", p.uid)
	put(a, "k8s.namespace.name", namespace)
	put(a, p.workload, p.service)
	put(a, "service.name", p.service)
	p.node.enrich(resource)
	put(a, "cloud.region", cloudRegion)
	put(a, "cloud.availability_zone", p.node.zone)
	put(a, "host.type", p.node.hostType)
	put(a, "host.arch", runtime.GOARCH)
}

// enrich adds what the metrics of a node have: k8sattributes leaves them out.
func (n node) enrich(resource pcommon.Resource) {
	put(resource.Attributes(), "k8s.node.name", n.name)
	enrichCluster(resource)
}

func enrichCluster(resource pcommon.Resource) {
	a := resource.Attributes()
	put(a, "k8s.cluster.name", clusterName)
	put(a, "k8s.cluster.uid", clusterUID)
	put(a, "cloud.provider", cloudProvider)
}

// enrichPushed enriches what a pod has pushed.
func enrichPushed(resource pcommon.Resource) error {
	uid, has := resource.Attributes().Get("k8s.pod.uid")
	if !has {
		return fmt.Errorf("pushed telemetry has no k8s.pod.uid: %v", resource.Attributes().AsRaw())
	}
	p, err := podByUID(uid.Str())
	if err != nil {
		return err
	}
	p.enrich(resource)
	return nil
}
