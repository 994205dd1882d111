// Package otelcol builds, finds and runs the collector of tools/collector: the OpenTelemetry Collector with
// the components of the AWS Distro for OpenTelemetry (ADOT).
package otelcol

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"time"
)

// EnvBinary names the environment variable that overrides where Find looks for the collector.
const EnvBinary = "KCW_COLLECTOR"

// modulePath is the Go module of tools/collector, as its go.mod names it.
const modulePath = "github.com/kyma-cloudwatch/kyma-cloudwatch/tools/collector"

// Find returns the path of a collector to run. It looks, in this order, at $KCW_COLLECTOR, for a file
// "otelcol" beside the running executable (where `make build` puts it), and for the sources of
// tools/collector above the working directory, which it builds (see Build).
func Find(ctx context.Context, progress io.Writer) (string, error) {
	if path := os.Getenv(EnvBinary); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s names a collector that cannot be run: %w", EnvBinary, err)
		}
		return path, nil
	}
	if self, err := os.Executable(); err == nil {
		if self, err = filepath.EvalSymlinks(self); err == nil {
			beside := filepath.Join(filepath.Dir(self), "otelcol")
			if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
				return beside, nil
			}
		}
	}
	return Build(ctx, progress)
}

// Build compiles tools/collector and returns the path of its binary. It is built once: the binary is kept in
// the user's cache folder (kyma-cloudwatch/otelcol), keyed by the sources, the pinned versions and the Go
// version, and shared by processes that ask at the same time. Progress is written while it compiles, which
// takes several minutes on two cores with empty caches. The sources are found from the working directory
// upwards.
func Build(ctx context.Context, progress io.Writer) (string, error) {
	source, err := sourceDir()
	if err != nil {
		return "", err
	}
	key, err := cacheKey(ctx, source)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder to cache the collector in: %w", err)
	}
	dir := filepath.Join(cache, "kyma-cloudwatch", "otelcol", key)
	binary := filepath.Join(dir, "otelcol")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil { // another process built it while this one waited
		return binary, nil
	}
	if err := compile(ctx, source, binary, progress); err != nil {
		return "", err
	}
	return binary, nil
}

func compile(ctx context.Context, source, binary string, progress io.Writer) error {
	started := time.Now()
	fmt.Fprintf(progress, "Building the collector into %s (once; several minutes with empty caches)\n", filepath.Dir(binary))
	partial := binary + ".partial"
	defer os.Remove(partial)

	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w", "-o", partial, ".")
	cmd.Dir = source
	cmd.Env = goEnv()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the Go tool is needed to build the collector: %w", err)
	}
	var tail []string
	packages, last := 0, time.Now()
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		packages++
		if tail = append(tail, lines.Text()); len(tail) > 20 {
			tail = tail[1:]
		}
		if time.Since(last) > 10*time.Second {
			fmt.Fprintf(progress, "  %4.0f s: %d packages and modules done\n", time.Since(started).Seconds(), packages)
			last = time.Now()
		}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("building the collector in %s failed: %w\n%s", source, err, strings.Join(tail, "\n"))
	}
	fmt.Fprintf(progress, "Collector built in %.0f s\n", time.Since(started).Seconds())
	return os.Rename(partial, binary)
}

// goEnv is the environment of the build. Without cgo the collector runs in an image that holds nothing else, as ADOT's
// does. A proxy list that ends in "direct" would make the Go tool clone repositories for modules that a proxy refuses, and
// hang where there is no internet.
func goEnv() []string {
	env := os.Environ()
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	if proxy := strings.TrimSpace(string(out)); err == nil && strings.HasSuffix(proxy, ",direct") {
		env = append(env, "GOPROXY="+strings.TrimSuffix(proxy, ",direct"))
	}
	return append(env, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
}

func sourceDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		source := filepath.Join(at, "tools", "collector")
		mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
		if err == nil && bytes.Contains(mod, []byte("module "+modulePath+"\n")) {
			return source, nil
		}
		if at == filepath.Dir(at) {
			return "", errors.New("no collector found: run `make build` in a checkout of kyma-cloudwatch, which puts it beside kcw, or set " + EnvBinary + " to the path of an ADOT or otelcol binary")
		}
	}
}

func cacheKey(ctx context.Context, source string) (string, error) {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum"))
	sort.Strings(files)
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("the Go tool is needed to build the collector: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s/%s CGO_ENABLED=0\n", bytes.TrimSpace(version), runtime.GOOS, runtime.GOARCH)
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(name), len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// lock holds an exclusive advisory lock on a file until the returned function is called or the process ends.
func lock(name string) (func(), error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	return func() { file.Close() }, nil
}
