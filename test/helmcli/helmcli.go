// Package helmcli gives tests the real helm command, in the releases that the chart is made for,
// built from the modules that go.mod pins as tools.
package helmcli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
	"golang.org/x/mod/semver"
)

// Helm is one release of the helm command.
type Helm struct {
	// Version is the release, as "v3.22.0".
	Version string
	// Path is the program. Its file name is "helm" and its folder holds nothing else that runs, so
	// the folder can stand in PATH.
	Path string
}

// V3 returns the helm command of the release of Helm 3 in go.mod, see build.
func V3(ctx context.Context, progress io.Writer) (Helm, error) {
	return build(ctx, "helm.sh/helm/v3", progress)
}

// V4 returns the helm command of the release of Helm 4 in go.mod, see build.
func V4(ctx context.Context, progress io.Writer) (Helm, error) {
	return build(ctx, "helm.sh/helm/v4", progress)
}

// build compiles the helm command of a module, or finds that what stands in the user's cache is of
// the same sources, which takes a third of a second. Progress (may be nil) gets a line when there is
// nothing in the cache. Several processes may call it at once.
func build(ctx context.Context, module string, progress io.Writer) (Helm, error) {
	versions, err := goTool(ctx, "list", "-m", "-f", "{{.Version}}", module, "k8s.io/client-go")
	if err != nil {
		return Helm{}, err
	}
	fields := strings.Fields(versions)
	if len(fields) != 2 {
		return Helm{}, fmt.Errorf("go list gives no versions of %s and k8s.io/client-go: %q", module, versions)
	}
	helm := Helm{Version: fields[0]}

	caches, err := os.UserCacheDir()
	if err != nil {
		return Helm{}, fmt.Errorf("no place for the helm command: %w", err)
	}
	dir := filepath.Join(caches, "kyma-cloudwatch", "helm", helm.Version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Helm{}, err
	}
	helm.Path = filepath.Join(dir, "helm")
	if runtime.GOOS == "windows" {
		helm.Path += ".exe"
	}

	lock := flock.New(filepath.Join(dir, ".lock"))
	if err := lock.Lock(); err != nil {
		return Helm{}, err
	}
	defer lock.Unlock()
	if _, err := os.Stat(helm.Path); err != nil && progress != nil {
		fmt.Fprintf(progress, "helmcli: building helm %s (once)\n", helm.Version)
	}
	flags := strings.Join(linkerFlags(module, helm.Version, fields[1]), " ")
	// Without -buildvcs=false a commit of this repository would be a reason to link again. There is no
	// -trimpath, and cgo stays as it is, so that the packages are those that tests have compiled.
	_, err = goTool(ctx, "build", "-buildvcs=false", "-ldflags", flags, "-o", helm.Path, module+"/cmd/helm")
	return helm, err
}

// linkerFlags are those of the Makefiles of Helm 3 and 4, which set the version that the command
// reports and, for Helm 3, the Kubernetes version that it assumes without a cluster: 1.N for the
// client-go v0.N it is built with. Helm 4 finds the latter out by itself.
func linkerFlags(module, version, clientGo string) []string {
	flags := []string{"-s", "-w", "-X", module + "/internal/version.version=" + version}
	if module != "helm.sh/helm/v3" {
		return flags
	}
	_, minor, _ := strings.Cut(semver.MajorMinor(clientGo), ".")
	for _, in := range []string{"/pkg/lint/rules", "/pkg/chartutil"} {
		flags = append(flags, "-X", module+in+".k8sVersionMajor=1", "-X", module+in+".k8sVersionMinor="+minor)
	}
	return flags
}

// goTool runs the go command, within the module of the working directory, and returns what it prints.
func goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOFLAGS=") // -race in it, say, would make another binary
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Environment returns what keeps helm away from the user's own settings, plugins, repositories and
// clusters: all its folders are below dir.
func Environment(dir string) map[string]string {
	return map[string]string{
		"HELM_CACHE_HOME":        filepath.Join(dir, "cache"),
		"HELM_CONFIG_HOME":       filepath.Join(dir, "config"),
		"HELM_DATA_HOME":         filepath.Join(dir, "data"),
		"HELM_PLUGINS":           filepath.Join(dir, "data", "plugins"),
		"HELM_REGISTRY_CONFIG":   filepath.Join(dir, "config", "registry.json"),
		"HELM_REPOSITORY_CACHE":  filepath.Join(dir, "cache", "repository"),
		"HELM_REPOSITORY_CONFIG": filepath.Join(dir, "config", "repositories.yaml"),
		"HELM_DEBUG":             "false",
		"HELM_NAMESPACE":         "",
		"HELM_KUBECONTEXT":       "",
		"HELM_KUBEAPISERVER":     "",
		"HELM_KUBETOKEN":         "",
		"KUBECONFIG":             filepath.Join(dir, "kubeconfig"), // no such file
	}
}

// Run runs helm with the variables of env added to those of the process, and returns what it prints on
// its standard output. An error holds what it prints on its standard error.
func (h Helm) Run(ctx context.Context, env map[string]string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.Path, args...)
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("helm %s of %s: %w: %s", strings.Join(args, " "), h.Version, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
