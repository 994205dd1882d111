package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
)

const (
	pprofPort    = 1777
	pprofSeconds = 5
)

// addProfiler lets the pod serve CPU profiles, beside the extensions that it has.
func addProfiler(pod *localpod.Pod) {
	var extensions []any
	if service, ok := localpod.Merge(pod.Configs)["service"].(map[string]any); ok {
		extensions, _ = service["extensions"].([]any)
	}
	pod.Configs = append(pod.Configs, localpod.Config{Source: "profiler", Tree: map[string]any{
		"extensions": map[string]any{"pprof": map[string]any{"endpoint": fmt.Sprintf("localhost:%d", pprofPort)}},
		"service":    map[string]any{"extensions": append(extensions, "pprof")},
	}})
	pod.Ports["pprof"] = pprofPort
}

// profile takes a CPU profile of the first seconds of a load, when one is asked for, and tells when it is done.
func profile(ctx context.Context, o Options, overlay *localpod.Overlay, p Profile, signal gateway.Signal) <-chan error {
	done := make(chan error, 1)
	if o.Profiling == "" {
		done <- nil
		return done
	}
	go func() { done <- takeProfile(ctx, o, overlay, p, signal) }()
	return done
}

func takeProfile(ctx context.Context, o Options, overlay *localpod.Overlay, p Profile, signal gateway.Signal) error {
	address, err := overlay.Address("pprof")
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, pprofSeconds), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("taking a CPU profile: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("taking a CPU profile: %w", err)
	}
	if err := os.MkdirAll(o.Profiling, 0o755); err != nil {
		return err
	}
	name := strings.NewReplacer(" ", "-", ",", "").Replace(string(signal)+"-"+p.Name) + ".pprof"
	return os.WriteFile(filepath.Join(o.Profiling, name), data, 0o644) //nolint:gosec // for reading
}
