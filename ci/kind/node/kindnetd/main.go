// Command kindnetd stands in for kind's own program of this name where its image cannot be pulled. On each node it tells
// containerd how to connect pods, keeps routes to the pods of the other nodes, and enforces NetworkPolicies with nftables.
// IPv4 only.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/knftables"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/node/kindnetd/policy"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	// The Service of the API server works only when kube-proxy does.
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		config.Host = "https://" + endpoint
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	nft, err := knftables.New(knftables.IPv4Family, table)
	if err != nil {
		return err
	}

	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	policies := factory.Networking().V1().NetworkPolicies()
	changed := make(chan struct{}, 1)
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify(changed) },
		UpdateFunc: func(any, any) { notify(changed) },
		DeleteFunc: func(any) { notify(changed) },
	}
	for _, informer := range []cache.SharedIndexInformer{
		core.Nodes().Informer(), core.Pods().Informer(), core.Namespaces().Informer(), policies.Informer(),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	d := daemon{nft: nft, self: net.ParseIP(os.Getenv("HOST_IP")), podSubnet: os.Getenv("POD_SUBNET")}
	for {
		nodes, err := core.Nodes().Lister().List(labels.Everything())
		if err != nil {
			return err
		}
		var cluster policy.Cluster
		if cluster.Pods, err = core.Pods().Lister().List(labels.Everything()); err != nil {
			return err
		}
		if cluster.Namespaces, err = core.Namespaces().Lister().List(labels.Everything()); err != nil {
			return err
		}
		if cluster.Policies, err = policies.Lister().List(labels.Everything()); err != nil {
			return err
		}
		retry := time.Hour
		if err := d.sync(ctx, nodes, cluster); err != nil {
			log.Print(err)
			retry = time.Second
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-time.After(retry):
		}
	}
}

func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default: // a change that nobody has looked at yet is there already
	}
}

type daemon struct {
	nft       knftables.Interface
	self      net.IP
	podSubnet string
	applied   []policy.Chain
	ready     bool
}

// sync makes the node as the cluster is.
func (d *daemon) sync(ctx context.Context, nodes []*corev1.Node, cluster policy.Cluster) error {
	var own *corev1.Node
	for _, node := range nodes {
		if addressOf(node).Equal(d.self) {
			own = node
		} else if err := routeTo(node); err != nil {
			return err
		}
	}
	if own == nil || len(podNetworks(own)) == 0 {
		return errors.New("this node, or the network of its pods, is not known yet")
	}
	if chains := policy.Plan(cluster, own.Name); !d.ready || !reflect.DeepEqual(chains, d.applied) {
		if err := applyRules(ctx, d.nft, d.podSubnet, chains); err != nil {
			return err
		}
		log.Printf("network policies: %d chains", len(chains))
		d.applied = chains
	}
	// Last, since pods start from here on.
	if err := writeCNIConfig(podNetworks(own)[0]); err != nil {
		return err
	}
	d.ready = true
	return nil
}
