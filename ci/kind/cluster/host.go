package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
)

// host is what clusters change on this machine, besides the docker daemon. It stands in a file before anything is changed, so that a later run can
// undo what an earlier one, however it ended, has left.
type host struct {
	file string

	// Clusters are those that Create has made, and that nobody has deleted.
	Clusters []string
	// Network says that the docker network is ours.
	Network bool
	// Routes are those that we added.
	Routes []string
	// Sysctls are the values from before, by their path under /proc/sys.
	Sysctls map[string]string
}

// guarded are the networks of Services and pods. Until kube-proxy has written its rules, packets to Services would leave
// this machine by its default route, and something there might answer.
var guarded = []string{serviceSubnet, podSubnet}

// kubeletSysctls are set by the kubelet, and are the whole machine's.
// Source: setupKernelTunables in k8s.io/kubernetes/pkg/kubelet/cm.
var kubeletSysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

func readHost(dir string) (*host, error) {
	h := &host{file: filepath.Join(dir, "host.json")}
	content, err := os.ReadFile(h.file)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(content, h); err != nil {
		return nil, fmt.Errorf("%s: %w", h.file, err)
	}
	return h, nil
}

func (h *host) save() error {
	content, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(h.file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(h.file, content, 0o644)
}

// canGuard says whether this process may change routes, and whether there are any: docker on another system runs in a
// virtual machine of its own.
func canGuard() bool { return runtime.GOOS == "linux" && os.Geteuid() == 0 }

// guard adds the routes and remembers the sysctls.
func (h *host) guard(ctx context.Context) error {
	if h.Sysctls == nil {
		h.Sysctls = map[string]string{}
		for _, name := range kubeletSysctls {
			if content, err := os.ReadFile("/proc/sys/" + name); err == nil {
				h.Sysctls[name] = strings.TrimSpace(string(content))
			}
		}
	}
	for _, subnet := range guarded {
		there, err := command.Run(ctx, "ip", "-4", "route", "show", "exact", subnet)
		if err != nil {
			return err
		}
		if there != "" {
			continue // ours, or another cluster's
		}
		if !slices.Contains(h.Routes, subnet) {
			h.Routes = append(h.Routes, subnet)
		}
		if err := h.save(); err != nil {
			return err
		}
		if _, err := command.Run(ctx, "ip", "route", "add", "unreachable", subnet); err != nil {
			return err
		}
	}
	return h.save()
}

// restore undoes all of it. othersRun says that a cluster which is not ours uses docker's network.
func (h *host) restore(ctx context.Context, othersRun bool) error {
	var errs []error
	if h.Network && !othersRun && networkExists(ctx) {
		_, err := command.Run(ctx, "docker", "network", "rm", network)
		errs = append(errs, err)
	}
	for _, subnet := range h.Routes {
		there, err := command.Run(ctx, "ip", "-4", "route", "show", "type", "unreachable", "exact", subnet)
		if err == nil && there != "" {
			_, err = command.Run(ctx, "ip", "route", "del", "unreachable", subnet)
		}
		errs = append(errs, err)
	}
	for name, value := range h.Sysctls {
		file := "/proc/sys/" + name
		if now, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(now)) != value {
			errs = append(errs, os.WriteFile(file, []byte(value), 0o644))
		}
	}
	return errors.Join(errs...)
}

// networkExists says whether docker has kind's network.
func networkExists(ctx context.Context) bool {
	_, err := command.Run(ctx, "docker", "network", "inspect", network)
	return err == nil
}
