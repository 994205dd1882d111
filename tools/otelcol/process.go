package otelcol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say how to run a collector.
type Options struct {
	// Binary is the collector's path, from Find or Build.
	Binary string
	// Configs are the --config arguments in order: file paths or URIs such as "yaml:...". A later one is
	// merged over the earlier ones: maps merge, lists are replaced.
	Configs []string
	// Args are further arguments, such as --feature-gates.
	Args []string
	// Env is the whole environment of the process, as "NAME=value".
	Env []string
	// Dir is the working directory; empty means the current one.
	Dir string
	// Log also receives the collector's output as it is written; nil keeps it only for Process.Log.
	Log io.Writer
}

// Process is a running collector.
type Process struct {
	cmd    *exec.Cmd
	done   chan struct{}
	err    error
	output lockedBuffer
}

// Start starts a collector. The process is killed when ctx ends; Stop ends it as a kubelet would.
func Start(ctx context.Context, options Options) (*Process, error) {
	p := &Process{done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, options.Binary, arguments(options)...)
	p.cmd.Env = options.Env
	p.cmd.Dir = options.Dir
	p.cmd.WaitDelay = 5 * time.Second
	// Its own process group: Ctrl-C in a terminal reaches only the caller, who stops the collector in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output io.Writer = &p.output
	if options.Log != nil {
		output = io.MultiWriter(&p.output, options.Log)
	}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the collector: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Validate has the collector check a configuration without starting it. The error holds the collector's own
// words. Extension sigv4auth wants credentials in the environment even here.
func Validate(ctx context.Context, options Options) error {
	cmd := exec.CommandContext(ctx, options.Binary, append([]string{"validate"}, arguments(options)...)...)
	cmd.Env, cmd.Dir = options.Env, options.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the collector refuses the configuration: %s", strings.TrimSpace(string(out)))
	}
	return nil
}

func arguments(options Options) []string {
	args := append([]string(nil), options.Args...)
	for _, config := range options.Configs {
		args = append(args, "--config="+config)
	}
	return args
}

// Ready waits until url, the health_check extension's endpoint, answers 200. It fails as soon as the process
// has ended or ctx is done, with the last lines that the collector wrote.
func (p *Process) Ready(ctx context.Context, url string) error {
	client := &http.Client{Timeout: time.Second}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("the collector ended before it was ready (%s):\n%s", p.cmd.ProcessState, tail(p.Log(), 15))
		case <-ctx.Done():
			return fmt.Errorf("the collector was not ready: %w\n%s", ctx.Err(), tail(p.Log(), 15))
		case <-tick.C:
		}
	}
}

// Stop sends SIGTERM, as a kubelet does, waits until the collector has flushed and ended, and kills it when
// grace has passed. A collector that ends with an exit code other than 0 is an error.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("the collector did not end within %s of SIGTERM:\n%s", grace, tail(p.Log(), 15))
	}
	if p.err != nil {
		return fmt.Errorf("the collector ended with %w:\n%s", p.err, tail(p.Log(), 15))
	}
	return nil
}

// Kill ends the collector at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log returns all that the collector has written so far.
func (p *Process) Log() string { return p.output.String() }

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}

// lockedBuffer is written by the process's output and read by Log at the same time.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
