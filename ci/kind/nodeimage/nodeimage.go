// Package nodeimage builds kind's node image from Go modules and Debian packages, for where kindest/node cannot be pulled.
//
// Everything is cached and named after what it is made of: the programs, which ci/kind/node pins, the root file system,
// and the image.
package nodeimage

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/archive"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// nodeDir holds one Go module for each thing that runs on a node: their dependencies do not agree.
const nodeDir = "ci/kind/node"

// Repositories of the images that docker gets. The host "localhost" sees to it that neither docker nor kind asks a public
// registry for them.
const (
	nodeRepository = "localhost/kyma-cloudwatch/node"
	baseRepository = "localhost/kyma-cloudwatch/node-base"
)

// sources are part of the image's name: a change here makes another image.
//
//go:embed *.go
var sources embed.FS

type builder struct {
	repository, cache, work string
	log                     *progress.Log
	arch                    string
	goVersion, goProxy      string
	version                 string // of Kubernetes
}

// Build returns the name of the node image, which docker then has. repository is the root of a checkout, cache the folder
// that what was built is kept in. With empty caches it takes about 10 minutes on two idle cores, most of it the
// compilation of Kubernetes; with the image at hand a second. It needs Linux, root and Debian's tools: debootstrap, a C
// compiler and libseccomp (see Packages).
func Build(ctx context.Context, repository, cache string, log *progress.Log) (image string, err error) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return "", errors.New("kindest/node cannot be pulled, and only root on Linux can build a node image: run it as root, or name an image that docker has: make cluster NODE_IMAGE=kindest/node:v1.36.1")
	}
	b := &builder{repository: repository, cache: cache, log: log, arch: runtime.GOARCH}
	if b.version, err = kubernetesVersion(repository); err != nil {
		return "", err
	}
	env, err := command.Cmd{Dir: repository}.Run(ctx, "go", "env", "GOVERSION", "GOPROXY")
	if err != nil {
		return "", fmt.Errorf("the Go tool builds the node image: %w", err)
	}
	b.goVersion, b.goProxy, _ = strings.Cut(env, "\n")

	kindModule, err := b.moduleDir(ctx, "sigs.k8s.io/kind")
	if err != nil {
		return "", err
	}
	key, err := b.imageKey(kindModule)
	if err != nil {
		return "", err
	}
	image = nodeRepository + ":" + b.version + "-" + key
	if _, err := command.Run(ctx, "docker", "image", "inspect", image); err == nil {
		return image, nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}

	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	if b.work, err = os.MkdirTemp(cache, "work-"); err != nil {
		return "", err
	}
	defer os.RemoveAll(b.work)
	if err := b.build(ctx, kindModule, image, baseRepository+":"+key); err != nil {
		return "", err
	}
	// Earlier ones take a gigabyte each; docker keeps those that a node runs on.
	if all, err := command.Run(ctx, "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", nodeRepository); err == nil {
		for _, other := range strings.Fields(all) {
			if other != image {
				_, _ = command.Run(ctx, "docker", "image", "rm", other)
			}
		}
	}
	return image, nil
}

// Packages are Debian's packages that Build needs and this machine lacks.
func Packages() []string {
	var missing []string
	for program, pkg := range map[string]string{"debootstrap": "debootstrap", "unshare": "util-linux", "gcc": "gcc", "tar": "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	// runc is linked with it statically.
	if found, _ := filepath.Glob("/usr/lib/*/libseccomp.a"); len(found) == 0 {
		missing = append(missing, "libseccomp-dev", "libc6-dev")
	}
	slices.Sort(missing)
	return missing
}

func (b *builder) moduleDir(ctx context.Context, module string) (string, error) {
	out, err := command.Cmd{Dir: b.repository, Env: b.goEnv(binary{})}.Run(ctx, "go", "mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		return "", err
	}
	return downloaded.Dir, nil
}

func (b *builder) imageKey(kindModule string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, filepath.Base(kindModule), b.arch)
	entries, err := sources.ReadDir(".")
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		content, err := sources.ReadFile(entry.Name())
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	for _, bin := range binaries {
		flags, err := b.flags(bin)
		if err != nil {
			return "", err
		}
		key, err := b.binaryKey(bin, flags)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, bin.name, key)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// build makes the base image, an archive like that of a Kubernetes release, and of the two the node image, which is kind's
// own work.
func (b *builder) build(ctx context.Context, kindModule, image, base string) error {
	rootfs, err := b.rootFS(ctx, kindModule)
	if err != nil {
		return err
	}
	built := map[string]string{}
	for _, bin := range binaries {
		if built[bin.name], err = b.buildBinary(ctx, bin); err != nil {
			return err
		}
	}
	err = b.log.Step("Making the base image", func() error { return b.loadBase(ctx, base, rootfs, built) })
	if err != nil {
		return err
	}
	defer exec.Command("docker", "image", "rm", base).Run() // the node image keeps its layers

	server := filepath.Join(b.work, "kubernetes-server.tar.gz")
	if err := b.log.Step("Packing Kubernetes' images", func() error { return b.writeServer(ctx, server, kindModule, rootfs, built) }); err != nil {
		return err
	}
	return b.log.Step("Making the node image "+image, func() error { return b.buildNode(ctx, server, base, image) })
}

// buildNode has the kind command make the node image. It is a process of its own because it knows no end but its own, writes
// to stdout, and leaves what it unpacks in the temporary folder.
func (b *builder) buildNode(ctx context.Context, server, base, image string) error {
	_, err := command.Cmd{Dir: b.repository, Env: append(b.goEnv(binary{}), "TMPDIR="+b.work)}.Run(ctx, "go", "tool", "kind", "build", "node-image",
		"--type", "file", server, "--base-image", base, "--image", image)
	if err != nil {
		// A process that is ended leaves its container.
		ctx := context.WithoutCancel(ctx)
		if containers, err := command.Run(ctx, "docker", "ps", "-aq", "--filter", "ancestor="+base); err == nil && containers != "" {
			_, _ = command.Run(ctx, "docker", append([]string{"rm", "-f", "-v"}, strings.Fields(containers)...)...)
		}
	}
	return err
}

// pathEnv is what the programs of the images find others by.
const pathEnv = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (b *builder) loadBase(ctx context.Context, base, rootfs string, built map[string]string) error {
	spec, err := containerSpec(ctx, built["ctr"])
	if err != nil {
		return err
	}
	files := []archive.File{
		{Path: "etc/containerd/cri-base.json", Content: spec, Mode: 0o644},
		{Path: "usr/local/sbin/runc", Source: built["runc"]},
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "crictl"} {
		files = append(files, archive.File{Path: "usr/local/bin/" + name, Source: built[name]})
	}
	for _, name := range []string{"ptp", "loopback", "host-local", "portmap"} {
		files = append(files, archive.File{Path: "opt/cni/bin/" + name, Source: built[name]})
	}
	layer := filepath.Join(b.work, "base-layer.tar")
	if err := archive.WriteLayer(layer, files); err != nil {
		return err
	}
	// The end of kind's images/base/Dockerfile.
	image, err := archive.NewImage(b.arch, v1.Config{
		Env: []string{pathEnv, "container=docker"}, StopSignal: "SIGRTMIN+3",
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
	}, rootfs, layer)
	if err != nil {
		return err
	}
	file := filepath.Join(b.work, "base.tar")
	if err := archive.Write(file, map[string]v1.Image{base: image}); err != nil {
		return err
	}
	_, err = command.Run(ctx, "docker", "load", "-i", file)
	return err
}

// containerSpec is containerd's default with kind's changes, as images/base/Dockerfile makes them.
func containerSpec(ctx context.Context, ctr string) (string, error) {
	out, err := command.Run(ctx, ctr, "oci", "spec")
	if err != nil {
		return "", err
	}
	var spec map[string]any
	if err := json.Unmarshal([]byte(out), &spec); err != nil {
		return "", err
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return "", errors.New("ctr oci spec: no process in it")
	}
	delete(process, "rlimits")
	spec["hooks"] = map[string]any{"createContainer": []any{map[string]any{"path": "/kind/bin/mount-product-files.sh"}}}
	content, err := json.MarshalIndent(spec, "", "  ")
	return string(content), err
}

// writeServer writes what kind takes for the archive of a Kubernetes release: the three programs of a node and four
// archives of images. kind pulls what it needs and does not find there, so everything is there.
func (b *builder) writeServer(ctx context.Context, file, kindModule, rootfs string, built map[string]string) error {
	images, err := b.images(ctx, kindModule, rootfs, built)
	if err != nil {
		return err
	}
	all := filepath.Join(b.work, "images.tar")
	if err := archive.Write(all, images); err != nil {
		return err
	}
	files := []archive.File{
		{Path: "kubernetes/version", Content: b.version, Mode: 0o644},
		{Path: "kubernetes/server/bin/kubelet", Source: built["kube"]},
		{Path: "kubernetes/server/bin/kubeadm", Content: multicall("kubeadm")},
		{Path: "kubernetes/server/bin/kubectl", Content: multicall("kubectl")},
		{Path: "kubernetes/server/bin/kube-apiserver.tar", Source: all, Mode: 0o644},
	}
	// They are all in the first one, but kind asks for four.
	for reference, image := range images {
		if !strings.Contains(reference, "/pause:") {
			continue
		}
		smallest := filepath.Join(b.work, "smallest.tar")
		if err := archive.Write(smallest, map[string]v1.Image{reference: image}); err != nil {
			return err
		}
		for _, name := range []string{"kube-controller-manager", "kube-scheduler", "kube-proxy"} {
			files = append(files, archive.File{Path: "kubernetes/server/bin/" + name + ".tar", Source: smallest, Mode: 0o644})
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	zip, err := gzip.NewWriterLevel(out, gzip.NoCompression) // kind insists on gzip
	if err != nil {
		return err
	}
	if err := archive.WriteTar(zip, files); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return out.Close()
}

func multicall(name string) string {
	return "#!/bin/sh\nKUBE_COMMAND=" + name + " exec /usr/bin/kubelet \"$@\"\n"
}

// images are those that kubeadm and kind ask for, by the names that these give them.
func (b *builder) images(ctx context.Context, kindModule, rootfs string, built map[string]string) (map[string]v1.Image, error) {
	kubeadm := command.Cmd{Env: []string{"KUBE_COMMAND=kubeadm"}}
	required, err := kubeadm.Run(ctx, built["kube"], "config", "images", "list", "--kubernetes-version", b.version)
	if err != nil {
		return nil, err
	}
	ofKind, err := kindImages(kindModule)
	if err != nil {
		return nil, err
	}
	// Kubernetes is one image with four names. What runs other programs (iptables, nft, a shell) stands on the node's
	// root file system.
	kube := []archive.File{{Path: "usr/local/bin/kube", Source: built["kube"]}}
	for _, name := range kubeCommands {
		kube = append(kube, archive.File{Path: "usr/local/bin/" + name, Link: "kube"})
	}
	kubeImage, err := b.image("kube", rootfs, kube)
	if err != nil {
		return nil, err
	}
	images := map[string]v1.Image{}
	for _, reference := range append(strings.Fields(required), ofKind...) {
		if strings.Contains(reference, "/pause:") && !slices.Contains(ofKind, reference) {
			continue // kubeadm's; containerd's configuration has another
		}
		name, _, _ := strings.Cut(reference[strings.LastIndex(reference, "/")+1:], ":")
		program := []archive.File{{Path: "usr/local/bin/" + name, Source: built[name]}}
		switch name {
		case "coredns", "etcd", "local-path-provisioner", "pause":
			images[reference], err = b.image(name, "", program)
		case "kindnetd":
			images[reference], err = b.image(name, rootfs, program)
		case "local-path-helper":
			images[reference], err = b.image(name, rootfs, nil)
		default:
			if !slices.Contains(kubeCommands, name) {
				return nil, fmt.Errorf("the image %s is asked for, which ci/kind/nodeimage does not know how to make", reference)
			}
			images[reference] = kubeImage
		}
		if err != nil {
			return nil, err
		}
	}
	return images, nil
}

var kubeCommands = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"}

// image makes an image that starts /usr/local/bin/NAME, of a root file system where there is one, and files.
func (b *builder) image(name, rootfs string, files []archive.File) (v1.Image, error) {
	config := v1.Config{Env: []string{pathEnv}, WorkingDir: "/", Entrypoint: []string{"/usr/local/bin/" + name}}
	layer := filepath.Join(b.work, name+"-layer.tar")
	if err := archive.WriteLayer(layer, files); err != nil {
		return nil, err
	}
	if rootfs == "" {
		return archive.NewImage(b.arch, config, layer)
	}
	return archive.NewImage(b.arch, config, rootfs, layer)
}

// kindImages are the images that kind puts into every node, as its sources name them.
func kindImages(kindModule string) ([]string, error) {
	var images []string
	for file, pattern := range map[string]string{
		"pkg/build/nodeimage/const_cni.go":             `const kindnetdImage = "(.+)"`,
		"pkg/build/nodeimage/const_storage.go":         `const storage\w+Image = "(.+)"`,
		"images/base/files/etc/containerd/config.toml": `sandbox_image = "(.+)"`,
	} {
		content, err := os.ReadFile(filepath.Join(kindModule, file))
		if err != nil {
			return nil, err
		}
		matches := regexp.MustCompile(pattern).FindAllStringSubmatch(string(content), -1)
		if len(matches) == 0 {
			return nil, fmt.Errorf("kind's %s has no %s any more; mend kindImages", file, pattern)
		}
		for _, match := range matches {
			images = append(images, match[1])
		}
	}
	slices.Sort(images)
	return images, nil
}
