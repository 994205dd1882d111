// Package cluster makes and removes clusters of kind on this machine, from nothing: docker, the node image, and the chart's
// collector image in every node. Where images can be pulled they are; where not, everything is built from Go modules and
// Debian packages (see package nodeimage).
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kind "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/nodeimage"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/kyma"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

const (
	serviceSubnet = "10.96.0.0/16"
	podSubnet     = "10.244.0.0/16"
	network       = "kind" // docker's, which kind makes
	readyWithin   = 3 * time.Minute
)

// Options say what cluster to make.
type Options struct {
	// Name is kind's name of the cluster: "kyma-cloudwatch" when empty. Several clusters can stand side by side.
	Name string
	// NodeImage is the image of its nodes. When empty, it is kind's own where that is there or can be pulled, and
	// otherwise one that is built.
	NodeImage string
	// Progress receives a line for each step; may be nil.
	Progress *progress.Log
}

// Cluster is a cluster that runs.
type Cluster struct {
	// Name is kind's name of the cluster.
	Name string
	// Kubeconfig is the path of a file for kubectl and Helm, of this cluster only.
	Kubeconfig string
	// Gateway is the address at which pods reach this machine.
	Gateway netip.Addr

	provider *kind.Provider
}

// DefaultName is the name of the cluster that Options without a name mean.
const DefaultName = "kyma-cloudwatch"

// Dir is the folder of a cluster's files: its kubeconfig and its logs.
func Dir(clusterName string) (string, error) {
	cache, err := cacheDir()
	return filepath.Join(cache, "clusters", clusterName), err
}

// cacheDir is kyma-cloudwatch/kind in the user's cache folder.
func cacheDir() (string, error) {
	caches, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder to keep the cluster's parts in: %w", err)
	}
	return filepath.Join(caches, "kyma-cloudwatch", "kind"), nil
}

// lock keeps other processes of this package from changing the machine at the same time.
func lock(ctx context.Context, dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, "lock"))
	if _, err := l.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return nil, err
	}
	return func() { l.Close() }, nil
}

// Create makes a cluster of a control plane and a worker, both of which run pods, with the collector's image in both and
// with the CustomResourceDefinitions of Kyma's pipelines. A cluster of the name that is there already is used as it is. It needs a checkout of the repository at or above the
// working directory. When it fails, what it has changed on this machine is undone, and the nodes' logs stay in a folder
// that the error names.
func Create(ctx context.Context, options Options) (*Cluster, error) {
	log := options.Progress
	if options.Name == "" {
		options.Name = DefaultName
	}
	repository, err := findRepository()
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, cache)
	if err != nil {
		return nil, err
	}
	defer unlock()

	h, err := readHost(cache)
	if err != nil {
		return nil, err
	}
	daemon := dockerDaemon{filepath.Join(cache, "docker")}
	if err := ensureDocker(ctx, daemon, log); err != nil {
		return nil, err
	}
	c := &Cluster{
		Name:       options.Name,
		Kubeconfig: filepath.Join(cache, "clusters", options.Name, "kubeconfig"),
		provider:   kind.NewProvider(kind.ProviderWithDocker()),
	}
	created, err := c.create(ctx, options.NodeImage, h, cache, repository, log)
	if err != nil {
		if created {
			h.Clusters = slices.DeleteFunc(h.Clusters, func(name string) bool { return name == c.Name })
			err = errors.Join(err, c.provider.Delete(c.Name, c.Kubeconfig))
		}
		return nil, errors.Join(err, release(context.WithoutCancel(ctx), h, daemon, log))
	}
	return c, nil
}

// create makes the cluster, or completes one that is there. created says that there are nodes which were not there before.
func (c *Cluster) create(ctx context.Context, wantedImage string, h *host, cache, repository string, log *progress.Log) (created bool, err error) {
	if canGuard() {
		if err := h.guard(ctx); err != nil {
			return false, err
		}
	} else {
		log.Line("Only root can add routes that keep a starting cluster's packets on this machine; going on without")
	}
	// Before the nodes, which would take from the compiler what it needs.
	collector, err := otelcol.Find(ctx, log)
	if err != nil {
		return false, err
	}
	exists, err := c.exists(ctx, log)
	if err != nil {
		return false, err
	}
	if !exists {
		image, err := nodeImage(ctx, wantedImage, cache, repository, log)
		if err != nil {
			return false, err
		}
		h.Network = h.Network || !networkExists(ctx)
		if err := h.save(); err != nil {
			return false, err
		}
		if err := log.Step("Creating the cluster "+c.Name, func() error { return c.start(ctx, image) }); err != nil {
			return false, err // it has removed them
		}
		created = true
	}
	if !slices.Contains(h.Clusters, c.Name) {
		h.Clusters = append(h.Clusters, c.Name)
		if err := h.save(); err != nil {
			return created, err
		}
	}
	if err := c.provider.ExportKubeConfig(c.Name, c.Kubeconfig, false); err != nil {
		return created, err
	}
	gateway, err := command.Run(ctx, "docker", "inspect", "--format", "{{(index .NetworkSettings.Networks \""+network+"\").Gateway}}", c.Name+"-control-plane")
	if err != nil {
		return created, err
	}
	if c.Gateway, err = netip.ParseAddr(gateway); err != nil {
		return created, fmt.Errorf("docker names no gateway of the network %s: %w", network, err)
	}
	if err := c.loadCollector(ctx, repository, collector, log); err != nil {
		return created, err
	}
	if err := c.Apply(ctx, kyma.CRDs()...); err != nil {
		return created, err
	}
	return created, nil
}

// exists says whether the cluster is there, and removes what is left of one that does not answer, as after a restart of
// the machine.
func (c *Cluster) exists(ctx context.Context, log *progress.Log) (bool, error) {
	all, err := c.provider.List()
	if err != nil || !slices.Contains(all, c.Name) {
		return false, err
	}
	if _, err := c.kubectl(ctx, "get", "--raw", "/readyz"); err == nil {
		log.Line("The cluster %s is there", c.Name)
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	log.Line("The cluster %s is there but does not answer; it is made anew", c.Name)
	return false, c.provider.Delete(c.Name, c.Kubeconfig)
}

// kubectl runs kubectl in the control plane's node, so that none is needed on this machine.
func (c *Cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectlWith(ctx, nil, args...)
}

func (c *Cluster) kubectlWith(ctx context.Context, stdin []byte, args ...string) (string, error) {
	inNode := []string{"exec", "-i", c.Name + "-control-plane", "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"}
	return command.Cmd{Stdin: stdin}.Run(ctx, "docker", append(inNode, args...)...)
}

// config is the cluster's. Without taints the control plane runs pods as the worker does, so that one node can be drained.
func (c *Cluster) config() *v1alpha4.Cluster {
	return &v1alpha4.Cluster{
		Networking: v1alpha4.Networking{IPFamily: v1alpha4.IPv4Family, PodSubnet: podSubnet, ServiceSubnet: serviceSubnet},
		Nodes:      []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole}, {Role: v1alpha4.WorkerRole}},
		KubeadmConfigPatches: []string{`kind: InitConfiguration
nodeRegistration:
  taints: []
`},
	}
}

// start has kind create the cluster. kind's functions know no context: when ctx ends, the nodes are taken from under it.
func (c *Cluster) start(ctx context.Context, image string) error {
	if err := os.MkdirAll(filepath.Dir(c.Kubeconfig), 0o755); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		done <- c.provider.Create(c.Name,
			kind.CreateWithV1Alpha4Config(c.config()), kind.CreateWithNodeImage(image), kind.CreateWithWaitForReady(readyWithin),
			kind.CreateWithKubeconfigPath(c.Kubeconfig), kind.CreateWithDisplayUsage(false), kind.CreateWithDisplaySalutation(false),
			kind.CreateWithRetain(true))
	}()
	var err error
	select {
	case err = <-done:
		if err == nil {
			return nil
		}
		var run *kindexec.RunError
		if errors.As(err, &run) {
			err = fmt.Errorf("%w\n%s", err, lastLines(string(run.Output), 30))
		}
		logs := filepath.Join(filepath.Dir(c.Kubeconfig), "logs")
		_ = os.RemoveAll(logs)
		_ = c.provider.CollectLogs(c.Name, logs) // as much as there is
		err = fmt.Errorf("%w\nThe nodes' logs are in %s", err, logs)
	case <-ctx.Done():
		_ = c.provider.Delete(c.Name, c.Kubeconfig)
		<-done
		err = context.Cause(ctx)
	}
	return errors.Join(err, c.provider.Delete(c.Name, c.Kubeconfig))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// nodeImage decides what image the nodes have, and builds it if need be.
func nodeImage(ctx context.Context, wanted, cache, repository string, log *progress.Log) (string, error) {
	if wanted != "" {
		return wanted, nil
	}
	if _, err := command.Run(ctx, "docker", "image", "inspect", defaults.Image); err == nil {
		return defaults.Image, nil
	}
	if canPull(ctx, defaults.Image) {
		log.Line("The nodes' image is %s", defaults.Image)
		return defaults.Image, nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	log.Line("%s cannot be pulled: the nodes' image is built from Go modules and Debian packages", defaults.Image)
	if os.Geteuid() == 0 {
		if err := installPackages(ctx, log, nodeimage.Packages()...); err != nil {
			return "", err
		}
	}
	return nodeimage.Build(ctx, repository, cache, log)
}

// canPull says whether a registry has an image, within five seconds.
func canPull(ctx context.Context, image string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	reference, err := name.ParseReference(image)
	if err != nil {
		return false
	}
	_, err = remote.Head(reference, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	return err == nil
}

// Delete removes a cluster (log may be nil), and with the last one everything that Create has changed on this machine: the daemon that it
// started, docker's network, routes and sysctls. It does nothing when there is nothing.
func Delete(ctx context.Context, clusterName string, log *progress.Log) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, cache)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := readHost(cache)
	if err != nil {
		return err
	}
	daemon := dockerDaemon{filepath.Join(cache, "docker")}
	if daemon.running() != 0 {
		if err := daemon.use(); err != nil {
			return err
		}
	}
	dir := filepath.Join(cache, "clusters", clusterName)
	if dockerAnswers(ctx) {
		err := log.Step("Deleting the cluster "+clusterName, func() error {
			return kind.NewProvider(kind.ProviderWithDocker()).Delete(clusterName, filepath.Join(dir, "kubeconfig"))
		})
		if err != nil {
			return err
		}
	}
	h.Clusters = slices.DeleteFunc(h.Clusters, func(name string) bool { return name == clusterName })
	return errors.Join(os.RemoveAll(dir), release(ctx, h, daemon, log))
}

// release gives back what the host lent, unless one of our clusters needs it.
func release(ctx context.Context, h *host, daemon dockerDaemon, log *progress.Log) error {
	if len(h.Clusters) > 0 {
		log.Line("Other clusters run: %s", strings.Join(h.Clusters, ", "))
		return h.save()
	}
	othersRun := false
	if dockerAnswers(ctx) {
		others, err := kind.NewProvider(kind.ProviderWithDocker()).List()
		if err != nil {
			return err
		}
		othersRun = len(others) > 0
	}
	if err := h.restore(ctx, othersRun); err != nil {
		return fmt.Errorf("this machine is not as it was; try again with: make cluster-delete\n%w", err)
	}
	if daemon.running() != 0 {
		if err := log.Step("Ending dockerd", func() error { return daemon.stop(ctx) }); err != nil {
			return err
		}
	}
	if err := os.Remove(h.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Apply creates or changes objects, as kubectl apply does.
func (c *Cluster) Apply(ctx context.Context, manifests ...[]byte) error {
	for _, manifest := range manifests {
		if _, err := c.kubectlWith(ctx, manifest, "apply", "--server-side", "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}

// CreateNamespace creates a namespace in which only pods that fulfil the Pod Security Standard "restricted" are let in.
func (c *Cluster) CreateNamespace(ctx context.Context, name string) error {
	return c.Apply(ctx, fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q,
 "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`, name))
}

// LoadImages puts the images of an archive, as docker save writes them, into every node.
func (c *Cluster) LoadImages(ctx context.Context, archive string) error {
	all, err := c.provider.ListInternalNodes(c.Name)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range all {
		group.Go(func() error { return loadImages(ctx, node, archive) })
	}
	return group.Wait()
}

func loadImages(ctx context.Context, node nodes.Node, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	return nodeutils.LoadImageArchive(node, readerOf{ctx, file})
}

// readerOf ends when its context does.
type readerOf struct {
	ctx context.Context
	io.Reader
}

func (r readerOf) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(b)
}

// CollectLogs writes the logs of the nodes and of all their containers into a folder.
func (c *Cluster) CollectLogs(dir string) error { return c.provider.CollectLogs(c.Name, dir) }

// findRepository returns the root of the checkout at or above the working directory.
func findRepository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "ci", "kind", "node")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is in no checkout of kyma-cloudwatch, from whose sources the cluster is made; change into one", dir)
		}
	}
}
