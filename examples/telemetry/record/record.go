package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry/shop"
)

type options struct {
	directory string
	requests  int
	rounds    int
	interval  time.Duration
	progress  io.Writer
}

// readyDescriptor is the file on which a pod says where it listens: the first of exec.Cmd.ExtraFiles.
const readyDescriptor = 3

// process is a running pod.
type process struct {
	pod     pod
	address string
	began   time.Time
	command *exec.Cmd
	stdin   io.Closer
	log     *containerLog
	reading errgroup.Group
}

func (p *process) pid() int { return p.command.Process.Pid }

// startPod starts this program once more, as the pod.
func startPod(ctx context.Context, p pod, endpoint string, addresses map[string]string, interval time.Duration) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var others []string
	for service, address := range addresses {
		others = append(others, service+"="+address)
	}
	command := exec.CommandContext(ctx, self)
	command.Env = []string{
		shop.EnvService + "=" + p.service,
		shop.EnvAddresses + "=" + strings.Join(others, ","),
		"OTEL_SERVICE_NAME=" + p.service,
		"OTEL_RESOURCE_ATTRIBUTES=service.version=1.4.2,k8s.pod.uid=" + p.uid,
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint,
		"OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_METRICS_EXEMPLAR_FILTER=always_off", // the files would be a quarter larger
		fmt.Sprintf("OTEL_METRIC_EXPORT_INTERVAL=%d", interval.Milliseconds()),
		fmt.Sprintf("GOMEMLIMIT=%d", p.memoryLimit*8/10),
	}
	ready, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	command.ExtraFiles = []*os.File{write}
	running := &process{pod: p, command: command, log: newContainerLog(p)}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	running.stdin = stdin
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	stderr, err := command.StderrPipe()
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	err = command.Start()
	running.began = time.Now()
	if closeErr := write.Close(); err != nil || closeErr != nil {
		return nil, errors.Join(err, closeErr)
	}
	running.reading.Go(func() error { return running.log.follow("stdout", stdout) })
	running.reading.Go(func() error { return running.log.follow("stderr", stderr) })
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("pod %s did not start: %w; its log: %s", p.name, err, running.abort())
	}
	running.address = strings.TrimSpace(line)
	return running, nil
}

// stop lets the pod finish what it has and waits for its end.
func (p *process) stop() error {
	err := errors.Join(p.stdin.Close(), p.reading.Wait())
	return errors.Join(err, p.command.Wait())
}

// abort ends the pod at once and gives what it wrote.
func (p *process) abort() string {
	_ = p.command.Process.Kill()
	_ = p.stop()
	var b strings.Builder
	for _, record := range p.log.take().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		fmt.Fprintln(&b, record.Body().AsString())
	}
	return b.String()
}

// record runs the shop until every request is answered and every pod has exported its metrics
// o.rounds times, stops it from the front to the back, and writes the files. Nothing is written
// when anything fails.
func record(ctx context.Context, o options) (err error) {
	if o.requests < 1 || o.rounds < 1 || o.interval < time.Millisecond {
		return fmt.Errorf("want at least one request, one round and an interval of 1 ms: have -requests %d -rounds %d -interval %s", o.requests, o.rounds, o.interval)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends pods that are still there after an error
	c := newCapture()
	endpoint, stopReceiving, err := c.receive()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopReceiving()) }()

	var processes []*process
	defer func() {
		for _, p := range processes {
			p.abort()
		}
	}()
	addresses := map[string]string{}
	var frontends []string
	for _, p := range pods {
		running, err := startPod(ctx, p, endpoint, addresses, o.interval)
		if err != nil {
			return err
		}
		processes = append(processes, running)
		addresses[p.service] = running.address
		if p.service == shop.Frontend {
			frontends = append(frontends, running.address)
		}
	}

	agent := newMetricAgent()
	observe := func() error {
		md, err := agent.collect(processes)
		if err != nil {
			return err
		}
		c.addMetrics(md)
		for _, p := range processes {
			if p.pod.service == shop.Inventory {
				md, err := scrape(ctx, p)
				if err != nil {
					return err
				}
				c.addMetrics(md)
			}
		}
		return nil
	}
	if err := observe(); err != nil {
		return err
	}
	sent := 0
	for round := 1; round <= o.rounds; round++ {
		upTo := o.requests * round / o.rounds
		if err := visit(ctx, frontends, sent, upTo); err != nil {
			return err
		}
		sent = upTo
		if err := c.awaitExports(ctx, round); err != nil {
			return err
		}
		if err := observe(); err != nil {
			return err
		}
		fmt.Fprintf(o.progress, "%d of %d requests, %d of %d exports of metrics\n", sent, o.requests, round, o.rounds)
	}

	for len(processes) > 0 {
		last := processes[len(processes)-1]
		processes = processes[:len(processes)-1]
		err := last.stop()
		if err != nil {
			return fmt.Errorf("pod %s: %w", last.pod.name, err)
		}
		if ld := last.log.take(); ld.LogRecordCount() > 0 {
			c.addLogs(ld)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.write(o.directory)
}

// The visitors order in turn; two of three orders go well.
var (
	orders    = []string{"kaesespaetzle", "sushi", "tea", "kaesespaetzle", "diamond", "sushi", "kaesespaetzle", "ghost", "anvil", "sushi", "yacht", "kaesespaetzle"}
	customers = []string{"Łukasz", "Zoë", "山田", "José"}
)

// visit sends the requests number from to to, four at a time. How the shop answers is part of the
// recording; only a shop that does not answer at all is an error.
func visit(ctx context.Context, frontends []string, from, to int) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	visitors, ctx := errgroup.WithContext(ctx)
	visitors.SetLimit(4)
	for i := from; i < to; i++ {
		visitors.Go(func() error {
			address := frontends[i%len(frontends)]
			var request *http.Request
			var err error
			if i%5 == 0 {
				product := "sold-out"
				if i%15 != 0 {
					product = shop.Catalogue[i%len(shop.Catalogue)].ID
				}
				request, err = http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/products/"+product, nil)
			} else {
				order := shop.Order{Product: orders[i%len(orders)], Customer: customers[i%len(customers)], Quantity: 1 + i%3}
				var body []byte
				if body, err = json.Marshal(order); err != nil {
					return err
				}
				request, err = http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/orders", bytes.NewReader(body))
			}
			if err != nil {
				return err
			}
			request.Host = "shop.demo.example.com"
			answer, err := client.Do(request)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return errors.Join(err, answer.Body.Close())
		})
	}
	return visitors.Wait()
}
