package nodeimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
)

// suite is the Debian release of the node's root file system.
const suite = "bookworm"

// packages are those of kind's base image, without network file systems, with what a minimal Debian lacks: an init and
// its bus.
var packages = []string{
	"systemd", "systemd-sysv", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "mount", "kmod",
	"libseccomp2", "pigz", "e2fsprogs", "ca-certificates", "procps", "jq",
}

// baseFiles are the files of kind's base image, with their mode.
var baseFiles = []struct {
	pattern string
	mode    os.FileMode
}{
	{"usr/local/bin/*", 0o755},
	{"kind/README.txt", 0o644},
	{"kind/bin/*", 0o755},
	{"etc/crictl.yaml", 0o644},
	{"etc/containerd/*", 0o644},
	{"etc/default/*", 0o644},
	{"etc/sysctl.d/*", 0o644},
	{"etc/systemd/system/kubelet.slice", 0o644},
	{"etc/systemd/system/containerd.service", 0o644},
	{"etc/systemd/system/kubelet.service", 0o644},
	{"etc/systemd/system/undo-mount-hacks.service", 0o644},
	{"etc/systemd/system/kubelet.service.d/*", 0o644},
}

// baseEdits are what the node needs beyond kind's base image: file, text in it, text instead.
var baseEdits = [][3]string{
	// A host without CAP_SYS_RESOURCE lets no container have a lower oom_score_adj than containerd has.
	{"etc/containerd/config.toml", "restrict_oom_score_adj = false", "restrict_oom_score_adj = true"},
	// The kubelet refuses to start on cgroup v1 from 1.35 on.
	{"etc/default/kubelet", "KUBELET_EXTRA_ARGS=", "KUBELET_EXTRA_ARGS=--fail-cgroupv1=false "},
}

// unwanted are removed: what kind's base image removes, and what a Debian takes space with.
var unwanted = []string{
	"usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
	"usr/lib/systemd/system/multi-user.target.wants/*",
	"etc/systemd/system/*.wants/*",
	"usr/lib/systemd/system/local-fs.target.wants/*",
	"usr/lib/systemd/system/sockets.target.wants/*udev*",
	"usr/lib/systemd/system/sockets.target.wants/*initctl*",
	"usr/lib/systemd/system/basic.target.wants/*",
	"var/cache/apt/*", "var/cache/debconf/*", "var/lib/apt/lists/*", "var/log/*",
	"usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*",
}

// rootFS makes the node's root file system without its Go programs, or finds it in the cache, and returns the path of its
// tar file. kindModule is the folder of the module sigs.k8s.io/kind. It needs root.
func (b *builder) rootFS(ctx context.Context, kindModule string) (string, error) {
	sum := sha256.Sum256(fmt.Append(nil, b.arch, suite, packages, baseFiles, baseEdits, unwanted, filepath.Base(kindModule)))
	path := filepath.Join(b.cache, "rootfs", hex.EncodeToString(sum[:])[:12]+".tar")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	root, err := os.MkdirTemp(b.work, "rootfs-")
	if err != nil {
		return "", err
	}
	// The root directory of a container's file system; MkdirTemp makes it private.
	if err := os.Chmod(root, 0o755); err != nil {
		return "", err
	}
	err = b.log.Step("Installing a minimal Debian "+suite, func() error {
		// In namespaces of its own, so that neither its mounts nor its processes outlive it, whatever ends it.
		_, err := command.Run(ctx, "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
			"debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","), suite, root)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := copyBaseFiles(filepath.Join(kindModule, "images", "base", "files"), root); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"enable", "kubelet.service", "containerd.service", "undo-mount-hacks.service"},
		{"mask", "systemd-binfmt.service"},
	} {
		if _, err := command.Run(ctx, "chroot", append([]string{root, "systemctl"}, args...)...); err != nil {
			return "", err
		}
	}
	partial := path + ".partial"
	defer os.Remove(partial)
	if _, err := command.Run(ctx, "tar", "--numeric-owner", "--one-file-system", "-C", root, "-cf", partial, "."); err != nil {
		return "", err
	}
	return path, os.Rename(partial, path)
}

// copyBaseFiles does to a Debian what kind's images/base/Dockerfile does, but for enabling services.
func copyBaseFiles(files, root string) error {
	for _, pattern := range unwanted {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, match := range matches {
			if err := os.RemoveAll(match); err != nil {
				return err
			}
		}
	}
	for _, f := range baseFiles {
		matches, err := filepath.Glob(filepath.Join(files, f.pattern))
		if err != nil {
			return err
		}
		if len(matches) == 0 {
			return fmt.Errorf("kind's base image has no files %s any more; look at its images/base/Dockerfile and mend baseFiles", f.pattern)
		}
		for _, from := range matches {
			to := filepath.Join(root, strings.TrimPrefix(from, files))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			content, err := os.ReadFile(from)
			if err != nil {
				return err
			}
			if err := os.WriteFile(to, content, f.mode); err != nil {
				return err
			}
			if err := os.Chmod(to, f.mode); err != nil {
				return err
			}
		}
	}
	for _, edit := range baseEdits {
		name := filepath.Join(root, edit[0])
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !strings.Contains(string(content), edit[1]) {
			return fmt.Errorf("kind's %s has no %q any more; mend baseEdits", edit[0], edit[1])
		}
		if err := os.WriteFile(name, []byte(strings.Replace(string(content), edit[1], edit[2], 1)), 0o644); err != nil {
			return err
		}
	}
	journal, err := os.OpenFile(filepath.Join(root, "etc/systemd/journald.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = journal.WriteString("ReadKMsg=no\n")
	if closed := journal.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(root, "etc/kubernetes/manifests"), 0o755)
}
