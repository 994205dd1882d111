package nodeimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
)

// binary is a program of the node image, built from one of the modules in ci/kind/node.
type binary struct {
	name   string // of the file
	module string // the folder in ci/kind/node
	pkg    string // "." or the import path
	tags   string
	cgo    bool // linked statically all the same
}

const (
	containerdTags = "no_aufs,no_zfs,no_btrfs,no_devmapper" // as kind builds it
	cniPlugins     = "github.com/containernetworking/plugins/plugins/"
)

// binaries are built in this order: what takes longest comes last, so that what fails early fails soon.
var binaries = []binary{
	{name: "pause", module: "pause", pkg: "."},
	// Without seccomp in it every pod ends with "config provided but seccomp not supported".
	{name: "runc", module: "runc", pkg: "github.com/opencontainers/runc", tags: "seccomp,netgo,osusergo", cgo: true},
	{name: "ptp", module: "cni-plugins", pkg: cniPlugins + "main/ptp"},
	{name: "loopback", module: "cni-plugins", pkg: cniPlugins + "main/loopback"},
	{name: "host-local", module: "cni-plugins", pkg: cniPlugins + "ipam/host-local"},
	{name: "portmap", module: "cni-plugins", pkg: cniPlugins + "meta/portmap"},
	{name: "etcd", module: "etcd", pkg: "go.etcd.io/etcd/server/v3"},
	{name: "containerd", module: "containerd", pkg: "github.com/containerd/containerd/v2/cmd/containerd", tags: containerdTags},
	{name: "containerd-shim-runc-v2", module: "containerd", pkg: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", tags: containerdTags},
	{name: "ctr", module: "containerd", pkg: "github.com/containerd/containerd/v2/cmd/ctr", tags: containerdTags},
	{name: "crictl", module: "crictl", pkg: "sigs.k8s.io/cri-tools/cmd/crictl"},
	{name: "coredns", module: "coredns", pkg: "."},
	{name: "kindnetd", module: "kindnetd", pkg: "."},
	{name: "local-path-provisioner", module: "local-path-provisioner", pkg: "github.com/rancher/local-path-provisioner"},
	{name: "kube", module: "kubernetes", pkg: "."},
}

// kubernetesVersion is the version that ci/kind/node/kubernetes pins, as "v1.36.3".
func kubernetesVersion(repository string) (string, error) {
	return requiredVersion(filepath.Join(repository, nodeDir, "kubernetes", "go.mod"), "k8s.io/kubernetes")
}

func requiredVersion(goMod, module string) (string, error) {
	content, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	mod, err := modfile.ParseLax(goMod, content, nil)
	if err != nil {
		return "", err
	}
	for _, require := range mod.Require {
		if require.Mod.Path == module {
			return require.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s requires no %s; run there: go get %s@VERSION", goMod, module, module)
}

// buildBinary compiles a program, or finds it in the cache, and returns its path, which ends in a folder that is named
// after its sources, its dependencies, its flags and the Go version.
func (b *builder) buildBinary(ctx context.Context, bin binary) (string, error) {
	flags, err := b.flags(bin)
	if err != nil {
		return "", err
	}
	key, err := b.binaryKey(bin, flags)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.cache, "bin", bin.name, key)
	path := filepath.Join(dir, bin.name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	partial := path + ".partial"
	defer os.Remove(partial)
	err = b.log.Step("Building "+bin.name+" of ci/kind/node/"+bin.module, func() error {
		args := append([]string{"build", "-o", partial}, flags...)
		_, err := command.Cmd{Dir: filepath.Join(b.repository, nodeDir, bin.module), Env: b.goEnv(bin)}.Run(ctx, "go", append(args, bin.pkg)...)
		return err
	})
	if err != nil {
		return "", err
	}
	return path, os.Rename(partial, path)
}

func (b *builder) flags(bin binary) ([]string, error) {
	link := []string{"-s", "-w"}
	if bin.cgo {
		link = append(link, "-linkmode", "external", "-extldflags", "-static")
	}
	if bin.module == "kubernetes" {
		// What Kubernetes' own build sets; kubeadm and the API server do not work without a version.
		set := func(variable, value string) { link = append(link, "-X", variable+"="+value) }
		const version = "k8s.io/component-base/version."
		major, rest, _ := strings.Cut(strings.TrimPrefix(b.version, "v"), ".")
		minor, _, _ := strings.Cut(rest, ".")
		set(version+"gitVersion", b.version)
		set(version+"gitMajor", major)
		set(version+"gitMinor", minor)
		set(version+"gitTreeState", "clean")
		set("k8s.io/client-go/pkg/version.gitVersion", b.version)
	}
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags", strings.Join(link, " ")}
	if bin.tags != "" {
		flags = append(flags, "-tags", bin.tags)
	}
	return flags, nil
}

// goEnv is the environment of a build: what the user set for other builds stays out of it. A list of proxies that ends in
// "direct" would make the Go tool clone repositories, and hang where there is no internet.
func (b *builder) goEnv(bin binary) []string {
	cgo := "CGO_ENABLED=0"
	if bin.cgo {
		cgo = "CGO_ENABLED=1"
	}
	return []string{cgo, "GOFLAGS=", "GOWORK=off", "GOOS=linux", "GOPROXY=" + strings.TrimSuffix(b.goProxy, ",direct")}
}

func (b *builder) binaryKey(bin binary, flags []string) (string, error) {
	dir := filepath.Join(b.repository, nodeDir, bin.module)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", err
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*", "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, packages...)
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	files = append(files, filepath.Join(dir, "go.mod"))
	if _, err := os.Stat(filepath.Join(dir, "go.sum")); err == nil {
		files = append(files, filepath.Join(dir, "go.sum"))
	}
	slices.Sort(files)

	sum := sha256.New()
	fmt.Fprintln(sum, b.goVersion, bin, flags)
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name[len(dir):], len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}
