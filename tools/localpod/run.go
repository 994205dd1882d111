package localpod

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// startup bounds the time from a collector's start to its being ready.
const startup = 30 * time.Second

// Start starts the pod's container and returns when it is ready and the pod's readiness probe may say so. Binary is the collector, from otelcol.Find; log also
// receives what it writes and may be nil. The process is killed when ctx ends. After it has ended, Start may be called
// again, as a kubelet starts a container again: ports and volumes stay the same.
func (o *Overlay) Start(ctx context.Context, binary string, log io.Writer) (*otelcol.Process, error) {
	configs, err := o.writeConfigs()
	if err != nil {
		return nil, err
	}
	o.pool.release()
	noSooner := time.After(o.pod.ReadyAfter)
	process, err := otelcol.Start(ctx, otelcol.Options{
		Binary: binary, Configs: configs, Args: o.pod.Args, Env: localEnvironment(o.pod.Env, o.endpoint), Dir: o.pod.dir, Log: log,
	})
	if err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	if err := process.Ready(ready, o.Health); err != nil {
		process.Kill()
		return nil, err
	}
	select {
	case <-noSooner:
	case <-ctx.Done():
		process.Kill()
		return nil, ctx.Err()
	}
	return process, nil
}

// writeConfigs writes the pod's configuration files, and puts the overlay behind them.
func (o *Overlay) writeConfigs() ([]string, error) {
	var configs []string
	for i, c := range o.pod.Configs {
		text, err := yaml.Marshal(c.Tree)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(o.pod.dir, fmt.Sprintf("config-%d.yaml", i))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, err
		}
		configs = append(configs, path)
	}
	text, err := json.Marshal(o.tree) // JSON is YAML on one line
	if err != nil {
		return nil, err
	}
	return append(configs, "yaml:"+string(text)), nil
}

// Address is where on this machine a port of the pod is, by the container port's name.
func (o *Overlay) Address(port string) (string, error) {
	moved := o.ports[o.pod.Ports[port]]
	if moved == 0 {
		return "", fmt.Errorf("no receiver listens on a port of the pod of %s that is named %q", o.pod.Workload, port)
	}
	return fmt.Sprintf("127.0.0.1:%d", moved), nil
}

// Target is where on this machine a pipeline's endpoint is: through the Service among the release's objects to the pod's
// port, moved. Namespace is the release's.
func (o *Overlay) Target(p gateway.Pipeline, objects []chart.Object, namespace string) (string, error) {
	u, err := url.Parse(p.Endpoint)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%s: endpoint %q is no URL", p, p.Endpoint)
	}
	port, err := portOf(u.Host)
	if err != nil {
		return "", fmt.Errorf("%s: endpoint %w", p, err)
	}
	labels := strings.Split(u.Hostname(), ".")
	var service *corev1.Service
	for _, object := range objects {
		if object.Kind() != "Service" || object.Name() != labels[0] {
			continue
		}
		service = &corev1.Service{}
		if err := object.DecodeKnown(service); err != nil {
			return "", err
		}
	}
	if service == nil {
		return "", fmt.Errorf("%s sends to %s, but the release has no Service %q: the data would go elsewhere than to this release's collector", p, p.Endpoint, labels[0])
	}
	if len(labels) > 1 && labels[1] != namespace {
		return "", fmt.Errorf("%s sends to namespace %q, but the release's Service %q is in namespace %q", p, labels[1], labels[0], namespace)
	}
	for key, value := range service.Spec.Selector {
		if o.pod.Labels[key] != value {
			return "", fmt.Errorf("the Service %q selects %s=%s, which the pod of %s has not", service.Name, key, value, o.pod.Workload)
		}
	}
	for _, servicePort := range service.Spec.Ports {
		if int(servicePort.Port) != port {
			continue
		}
		inPod := servicePort.TargetPort.IntValue()
		if name := servicePort.TargetPort.StrVal; name != "" {
			inPod = o.pod.Ports[name]
		}
		if inPod == 0 {
			inPod = port
		}
		moved := o.ports[inPod]
		if moved == 0 {
			return "", fmt.Errorf("%s sends to %s, which is port %d of the pod, and no receiver of the collector listens there", p, p.Endpoint, inPod)
		}
		return fmt.Sprintf("http://127.0.0.1:%d", moved), nil
	}
	return "", fmt.Errorf("%s sends to port %d, which Service %q does not have", p, port, service.Name)
}
