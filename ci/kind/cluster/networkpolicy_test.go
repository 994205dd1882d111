package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/archive"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// envCluster names the environment variable that lets tests use a cluster, by its name; one that does not run is created.
const envCluster = "KIND_CLUSTER"

func testCluster(t *testing.T) *Cluster {
	name := os.Getenv(envCluster)
	if name == "" {
		t.Skipf("needs a cluster: %s=%s go test ./ci/kind/cluster", envCluster, DefaultName)
	}
	c, err := Create(t.Context(), Options{Name: name, Progress: progress.New(os.Stderr)})
	require.NoError(t, err)
	return c
}

const netcheckImage = "localhost/kyma-cloudwatch/netcheck:test"

func loadNetcheck(t *testing.T, c *Cluster) {
	dir := t.TempDir()
	build := command.Cmd{Env: []string{"CGO_ENABLED=0", "GOOS=linux"}}
	binary := filepath.Join(dir, "netcheck")
	_, err := build.Run(t.Context(), "go", "build", "-o", binary, "./testdata/netcheck")
	require.NoError(t, err)
	layer := filepath.Join(dir, "layer.tar")
	require.NoError(t, archive.WriteLayer(layer, []archive.File{{Path: "netcheck", Source: binary}}))
	image, err := archive.NewImage(runtime.GOARCH, v1.Config{User: "4317", Entrypoint: []string{"/netcheck"}}, layer)
	require.NoError(t, err)
	file := filepath.Join(dir, "image.tar")
	require.NoError(t, archive.Write(file, map[string]v1.Image{netcheckImage: image}))
	require.NoError(t, c.LoadImages(t.Context(), file))
}

// peer is a pod that serves ports and can dial others.
type peer struct {
	cluster         *Cluster
	namespace, name string
	address         string
}

// run starts a pod on a node and waits until it has an address.
func (c *Cluster) run(t *testing.T, namespace, name, node string) *peer {
	manifest := fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {namespace: %s, name: %s, labels: {app: %s}}
spec:
  nodeName: %s-%s
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: netcheck
      image: %s
      imagePullPolicy: Never
      args: [serve, ":4317", ":8888", ":9999"]
      ports:
        - {name: grpc-otlp, containerPort: 4317}
        - {name: metrics, containerPort: 8888}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`, namespace, name, name, c.Name, node, netcheckImage)
	require.NoError(t, c.Apply(t.Context(), []byte(manifest)))
	p := &peer{cluster: c, namespace: namespace, name: name}
	_, err := c.kubectl(t.Context(), "wait", "-n", namespace, "pod/"+name, "--for=condition=Ready", "--timeout=60s")
	require.NoError(t, err)
	p.address, err = c.kubectl(t.Context(), "get", "-n", namespace, "pod", name, "-o", "jsonpath={.status.podIP}")
	require.NoError(t, err)
	return p
}

// reaches says whether the pod gets an answer from an address, and fails when there is neither an answer nor a packet that
// was dropped.
func (p *peer) reaches(ctx context.Context, network, address string) (bool, error) {
	_, err := p.cluster.kubectl(ctx, "exec", "-n", p.namespace, p.name, "--", "/netcheck", "dial", network, address)
	if err != nil && strings.Contains(err.Error(), "timeout") {
		return false, nil
	}
	return err == nil, err
}

// The policies are those of the chart: podSelector by labels, namespaces by name, named and numeric ports, blocks of
// addresses, and the default deny that some namespaces have.
func TestNetworkPoliciesAreEnforced(t *testing.T) {
	c := testCluster(t)
	loadNetcheck(t, c)
	for _, namespace := range []string{"policy-release", "policy-senders", "policy-others"} {
		require.NoError(t, c.CreateNamespace(t.Context(), namespace))
		t.Cleanup(func() {
			_, err := c.kubectl(context.Background(), "delete", "namespace", namespace, "--wait=false")
			assert.NoError(t, err)
		})
	}
	collector := c.run(t, "policy-release", "collector", "worker")
	neighbour := c.run(t, "policy-release", "neighbour", "worker")
	sender := c.run(t, "policy-senders", "sender", "worker")
	remoteSender := c.run(t, "policy-senders", "remote-sender", "control-plane")
	other := c.run(t, "policy-others", "other", "worker")
	remoteOther := c.run(t, "policy-others", "remote-other", "control-plane")
	pods := map[string]*peer{
		"collector": collector, "neighbour": neighbour, "sender": sender, "remote sender": remoteSender,
		"other": other, "remote other": remoteOther,
	}
	host := serveOnHost(t, c)

	type connection struct {
		from, network, to string
		port              int
	}
	toCollector, toNeighbour := connection{"other", "tcp", "collector", 4317}, connection{"other", "tcp", "neighbour", 4317}
	all := []connection{
		{"sender", "tcp", "collector", 4317},
		{"remote sender", "tcp", "collector", 4317},
		{"sender", "tcp", "collector", 8888},
		{"sender", "tcp", "collector", 9999},
		{"sender", "udp", "collector", 4317},
		toCollector,
		{"remote other", "tcp", "collector", 4317},
		{"neighbour", "tcp", "collector", 4317},
		{"collector", "tcp", "sender", 9999},
		{"collector", "udp", "sender", 9999},
		{"collector", "tcp", "remote other", 8888},
		{"collector", "udp", "remote other", 8888},
		{"collector", "tcp", "host", host},
		{"neighbour", "tcp", "other", 4317},
		{"neighbour", "tcp", "host", host},
		toNeighbour,
	}
	reaches := func(wanted connection) (bool, error) {
		address := c.Gateway.String()
		if to := pods[wanted.to]; to != nil {
			address = to.address
		}
		return pods[wanted.from].reaches(t.Context(), wanted.network, net.JoinHostPort(address, fmt.Sprint(wanted.port)))
	}
	// try holds that of all connections only the allowed ones work. Those of the node with the policies have seen a change
	// together, so it waits for one that the change has turned.
	try := func(t *testing.T, turned connection, allowed ...connection) {
		t.Helper()
		require.Eventually(t, func() bool {
			reached, err := reaches(turned)
			return err == nil && reached == slices.Contains(allowed, turned)
		}, time.Minute, 100*time.Millisecond, "the policies do not reach the node's packet filter")
		got := make([]bool, len(all))
		group := errgroup.Group{}
		for i, wanted := range all {
			group.Go(func() (err error) {
				got[i], err = reaches(wanted)
				return err
			})
		}
		require.NoError(t, group.Wait())
		for i, wanted := range all {
			assert.Equal(t, slices.Contains(allowed, wanted), got[i], "%v", wanted)
		}
	}

	t.Run("without policies everything connects", func(t *testing.T) { try(t, toCollector, all...) })

	const policy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: policy-release, name: %s}
spec: %s`
	apply := func(name, spec string) {
		require.NoError(t, c.Apply(t.Context(), fmt.Appendf(nil, policy, name, spec)))
	}

	apply("collector", fmt.Sprintf(`
  podSelector: {matchLabels: {app: collector}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [policy-senders]}]}}]
      ports: [{port: grpc-otlp, protocol: TCP}]
  egress:
    - ports: [{port: 9999, protocol: TCP}]
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: policy-others}}}]
      ports: [{port: metrics, protocol: TCP}]
    - to: [{ipBlock: {cidr: %s/32}}]`, c.Gateway))
	t.Run("a policy isolates the pods that it selects", func(t *testing.T) {
		try(t, toCollector,
			connection{"sender", "tcp", "collector", 4317},
			connection{"remote sender", "tcp", "collector", 4317},
			connection{"collector", "tcp", "sender", 9999},
			connection{"collector", "tcp", "remote other", 8888},
			connection{"collector", "tcp", "host", host},
			connection{"neighbour", "tcp", "other", 4317},
			connection{"neighbour", "tcp", "host", host},
			connection{"other", "tcp", "neighbour", 4317},
		)
	})

	apply("default-deny", `{podSelector: {}, policyTypes: [Ingress, Egress]}`)
	t.Run("default deny isolates the others of the namespace, and policies add up", func(t *testing.T) {
		try(t, toNeighbour,
			connection{"sender", "tcp", "collector", 4317},
			connection{"remote sender", "tcp", "collector", 4317},
			connection{"collector", "tcp", "sender", 9999},
			connection{"collector", "tcp", "remote other", 8888},
			connection{"collector", "tcp", "host", host},
		)
	})

	_, err := c.kubectl(t.Context(), "delete", "networkpolicy", "-n", "policy-release", "--all")
	require.NoError(t, err)
	t.Run("without the policies everything connects again", func(t *testing.T) { try(t, toNeighbour, all...) })
}

// serveOnHost answers "ok" on the gateway's address, and returns the port.
func serveOnHost(t *testing.T, c *Cluster) int {
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Gateway.String(), "0"))
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Write([]byte("ok"))
			connection.Close()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}
