package main

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
)

// cniConfig is where containerd looks for how to connect pods. That it is there makes the node ready.
const cniConfig = "/etc/cni/net.d/10-kindnet.conflist"

// addressOf is the node's IPv4 address within the cluster.
func addressOf(node *corev1.Node) net.IP {
	for _, address := range node.Status.Addresses {
		if ip := net.ParseIP(address.Address).To4(); ip != nil && address.Type == corev1.NodeInternalIP {
			return ip
		}
	}
	return nil
}

// podNetworks are the IPv4 networks of the node's pods.
func podNetworks(node *corev1.Node) []*net.IPNet {
	var networks []*net.IPNet
	for _, cidr := range node.Spec.PodCIDRs {
		if _, network, err := net.ParseCIDR(cidr); err == nil && network.IP.To4() != nil {
			networks = append(networks, network)
		}
	}
	return networks
}

// writeCNIConfig tells containerd to give each pod an address of the network, and a link to the node.
func writeCNIConfig(network *net.IPNet) error {
	config := fmt.Sprintf(`{
  "cniVersion": "1.0.0",
  "name": "kindnet",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "mtu": 1500,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": %q}]]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`, network)
	if before, err := os.ReadFile(cniConfig); err == nil && string(before) == config {
		return nil
	}
	if err := os.WriteFile(cniConfig+".partial", []byte(config), 0o644); err != nil {
		return err
	}
	return os.Rename(cniConfig+".partial", cniConfig)
}

// routeTo sends what is for the pods of another node to that node.
func routeTo(node *corev1.Node) error {
	for _, network := range podNetworks(node) {
		if err := netlink.RouteReplace(&netlink.Route{Dst: network, Gw: addressOf(node)}); err != nil {
			return fmt.Errorf("route to %s by %s: %w", network, addressOf(node), err)
		}
	}
	return nil
}
