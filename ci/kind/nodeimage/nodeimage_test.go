package nodeimage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const repository = "../../.."

// newTestBuilder returns a builder that has all that needs no build.
func newTestBuilder(t *testing.T) *builder {
	version, err := kubernetesVersion(repository)
	require.NoError(t, err)
	return &builder{repository: repository, arch: "amd64", goVersion: "go1.26", version: version}
}

func kindModule(t *testing.T) string {
	dir, err := (&builder{repository: repository, goProxy: "off"}).moduleDir(t.Context(), "sigs.k8s.io/kind")
	require.NoError(t, err)
	return dir
}

func TestKindNamesItsImagesWhereTheyAreLookedFor(t *testing.T) {
	images, err := kindImages(kindModule(t))
	require.NoError(t, err)
	var names []string
	for _, image := range images {
		name, _, tagged := strings.Cut(image, ":")
		assert.True(t, tagged, image)
		names = append(names, name)
	}
	assert.Equal(t, []string{
		"docker.io/kindest/kindnetd", "docker.io/kindest/local-path-helper", "docker.io/kindest/local-path-provisioner", "registry.k8s.io/pause",
	}, names)
}

func TestKindsBaseFilesFitADebian(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc/systemd"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/systemd/journald.conf"), nil, 0o644))
	unwanted := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/cron.service")
	require.NoError(t, os.MkdirAll(unwanted, 0o755))

	require.NoError(t, copyBaseFiles(filepath.Join(kindModule(t), "images/base/files"), root))

	for file, want := range map[string]string{
		"etc/default/kubelet":                "--fail-cgroupv1=false --runtime-cgroups=",
		"etc/containerd/config.toml":         "restrict_oom_score_adj = true",
		"etc/systemd/journald.conf":          "ReadKMsg=no",
		"etc/systemd/system/kubelet.slice":   "[Slice]",
		"kind/bin/mount-product-files.sh":    "#!/bin/bash",
		"usr/local/bin/entrypoint":           "#!/bin/bash",
		"etc/sysctl.d/10-network-magic.conf": "net.",
	} {
		content, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		assert.Contains(t, string(content), want, file)
	}
	info, err := os.Stat(filepath.Join(root, "usr/local/bin/entrypoint"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	assert.NoDirExists(t, unwanted)
}

func TestAProgramsKeyFollowsItsModuleAndItsFlags(t *testing.T) {
	b := newTestBuilder(t)
	keys := map[string]string{}
	for _, bin := range binaries {
		flags, err := b.flags(bin)
		require.NoError(t, err)
		key, err := b.binaryKey(bin, flags)
		require.NoError(t, err, "%s is pinned in %s/%s", bin.name, nodeDir, bin.module)
		assert.NotContains(t, keys, key, bin.name)
		keys[key] = bin.name
	}
	bin := binaries[len(binaries)-1]
	flags, err := b.flags(bin)
	require.NoError(t, err)
	before, err := b.binaryKey(bin, flags)
	require.NoError(t, err)
	b.version = "v1.99.0"
	flags, err = b.flags(bin)
	require.NoError(t, err)
	after, err := b.binaryKey(bin, flags)
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
}

// kubeadm asks for images of these versions; those that are built have them.
func TestKubernetesPartsAreOfOneVersion(t *testing.T) {
	version, err := kubernetesVersion(repository)
	require.NoError(t, err)
	parts := "v0" + strings.TrimPrefix(version, "v1")
	for _, module := range []string{"k8s.io/client-go", "k8s.io/component-base", "k8s.io/kubectl"} {
		got, err := requiredVersion(filepath.Join(repository, nodeDir, "kubernetes", "go.mod"), module)
		require.NoError(t, err)
		assert.Equal(t, parts, got, module)
	}
}

func TestAMissingRequirementIsNamedWithItsMend(t *testing.T) {
	file := filepath.Join(t.TempDir(), "go.mod")
	require.NoError(t, os.WriteFile(file, []byte("module m\n"), 0o644))
	_, err := requiredVersion(file, "k8s.io/kubernetes")
	assert.ErrorContains(t, err, "requires no k8s.io/kubernetes; run there: go get k8s.io/kubernetes@VERSION")
}
