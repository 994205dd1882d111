// Package shop is a small instrumented shop of five services. It makes the telemetry in
// examples/telemetry: each pod is a process of its own, its calls are real, and it speaks OTLP to
// whatever OTEL_EXPORTER_OTLP_ENDPOINT names, configured by the SDK's own environment variables.
//
//	frontend (HTTP) -> inventory (HTTP)
//	frontend (HTTP) -> checkout (gRPC) -> inventory (HTTP), payment (gRPC), shipping (HTTP, then asynchronous)
//
// Some requests are slow, some fail, as told by what is ordered: see Catalogue.
package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The environment of a pod, beside the OpenTelemetry SDK's own variables.
const (
	// EnvService names the service that this process is: see Services.
	EnvService = "SHOP_SERVICE"
	// EnvAddresses says where the other services listen: "inventory=127.0.0.1:4711,payment=127.0.0.1:4712".
	EnvAddresses = "SHOP_ADDRESSES"
)

// The services. Each listens on a free port of 127.0.0.1.
const (
	Frontend  = "frontend"
	Checkout  = "checkout"
	Inventory = "inventory"
	Payment   = "payment"
	Shipping  = "shipping"
)

// service is what a pod runs.
type service interface {
	// serve answers calls until the listener is closed.
	serve(net.Listener) error
	// stop ends serving when all calls, and what they left to do, are done.
	stop(context.Context) error
}

var constructors = map[string]func(*pod) (service, error){
	Frontend:  newFrontend,
	Checkout:  newCheckout,
	Inventory: newInventory,
	Payment:   newPayment,
	Shipping:  newShipping,
}

// Main runs the pod that the environment describes. It writes the address it listens on, and a
// newline, to ready, and works until stop ends; then it finishes its calls and exports what it has left.
// What the service logs in the manner of a container goes to stdout and stderr.
func Main(ctx context.Context, stop io.Reader, ready io.WriteCloser) (err error) {
	name := os.Getenv(EnvService)
	construct, known := constructors[name]
	if !known {
		return fmt.Errorf("%s=%q: want frontend, checkout, inventory, payment or shipping", EnvService, name)
	}
	addresses, err := parseAddresses(os.Getenv(EnvAddresses))
	if err != nil {
		return err
	}
	p, err := newPod(ctx, name, addresses)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.shutdown(ctx)) }()
	s, err := construct(p)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.serve(listener) }()
	if _, err := fmt.Fprintln(ready, listener.Addr()); err != nil {
		return err
	}
	if err := ready.Close(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, stop); ended <- err }()
	select {
	case err = <-ended:
	case err = <-served:
		return fmt.Errorf("%s stopped serving: %w", name, err)
	}
	return errors.Join(err, s.stop(ctx), <-served)
}

func parseAddresses(text string) (map[string]string, error) {
	addresses := map[string]string{}
	for entry := range strings.SplitSeq(text, ",") {
		if entry == "" {
			continue
		}
		name, address, found := strings.Cut(entry, "=")
		if !found {
			return nil, fmt.Errorf("%s: %q: want SERVICE=HOST:PORT", EnvAddresses, entry)
		}
		addresses[name] = address
	}
	return addresses, nil
}

// stackDepth keeps the recording small.
const stackDepth = 10

// stack gives the caller's stack in the form of the Go runtime, with package paths in place of the
// paths of the machine it was built on.
func stack(skip int) string {
	counters := make([]uintptr, stackDepth)
	frames := runtime.CallersFrames(counters[:runtime.Callers(skip+2, counters)])
	var b strings.Builder
	for {
		frame, more := frames.Next()
		base := path.Base(frame.Function)
		directory := strings.TrimSuffix(frame.Function, base) + strings.SplitN(base, ".", 2)[0]
		fmt.Fprintf(&b, "%s(...)\n\t%s/%s:%d\n", frame.Function, directory, filepath.Base(frame.File), frame.Line)
		if !more {
			return b.String()
		}
	}
}

// recordException marks the span as failed and adds the exception with its stack.
func recordException(span trace.Span, err error, stack string) {
	span.RecordError(err, trace.WithAttributes(attribute.String("exception.stacktrace", stack)))
	span.SetStatus(codes.Error, err.Error())
}
