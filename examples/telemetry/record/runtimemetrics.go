package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// userHertz is the unit of CPU times in /proc; Linux fixes it at 100 for user space.
const userHertz = 100

// usage is what the kernel says of a pod's process.
type usage struct {
	cpu                    float64 // seconds since its start
	resident, anonymous    int64   // bytes
	pageFaults, majorFault int64
}

func readUsage(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("measuring a pod needs Linux: %w", err)
	}
	// The second field is the command, in parentheses, and may contain spaces; see proc_pid_stat(5).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const first = 3 // the number of fields[0]
	number := func(field int) int64 {
		n, parseErr := strconv.ParseInt(fields[field-first], 10, 64)
		if parseErr != nil {
			err = parseErr
		}
		return n
	}
	u := usage{
		pageFaults: number(10),
		majorFault: number(12),
		cpu:        float64(number(14)+number(15)) / userHertz,
		resident:   number(24) * int64(os.Getpagesize()),
	}
	if err != nil {
		return usage{}, err
	}
	status, err := keyValues(fmt.Sprintf("/proc/%d/status", pid))
	u.anonymous = status["RssAnon"]
	return u, err
}

// keyValues reads lines of the form "Key:  123 kB" and gives bytes.
func keyValues(file string) (map[string]int64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	values := map[string]int64{}
	for line := range strings.Lines(string(data)) {
		key, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) == 2 && fields[1] == "kB" {
			if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
				values[key] = n << 10
			}
		}
	}
	return values, nil
}

// machine is what the kernel says of the machine, in the place of a node.
type machine struct {
	cpu                             float64 // seconds busy since its start
	memoryAvailable, memoryUsed     int64
	filesystemFree, filesystemTotal int64
	interfaces                      map[string][2]int64 // bytes received, sent
}

func readMachine() (machine, error) {
	m := machine{interfaces: map[string][2]int64{}}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return m, err
	}
	line, _, _ := strings.Cut(string(stat), "\n") // cpu user nice system idle iowait irq ...
	for i, field := range strings.Fields(line)[1:8] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return m, err
		}
		if i != 3 && i != 4 { // neither idle nor iowait
			m.cpu += float64(n) / userHertz
		}
	}
	memory, err := keyValues("/proc/meminfo")
	if err != nil {
		return m, err
	}
	m.memoryAvailable = memory["MemAvailable"]
	m.memoryUsed = memory["MemTotal"] - memory["MemFree"]
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/", &fs); err != nil {
		return m, err
	}
	m.filesystemFree, m.filesystemTotal = int64(fs.Bavail)*int64(fs.Bsize), int64(fs.Blocks)*int64(fs.Bsize)
	network, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(network)) {
		name, rest, found := strings.Cut(strings.TrimSpace(line), ":")
		fields := strings.Fields(rest)
		// Kyma's filter/drop-virtual-network-interfaces keeps eth* and en*.
		if !found || len(fields) < 9 || !strings.HasPrefix(name, "eth") && !strings.HasPrefix(name, "en") {
			continue
		}
		received, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return m, err
		}
		sent, err := strconv.ParseInt(fields[8], 10, 64)
		if err != nil {
			return m, err
		}
		m.interfaces[name] = [2]int64{received, sent}
	}
	return m, nil
}

// metricAgent makes the runtime metrics of Kyma's metric agent (kubeletstats and k8s_cluster
// receivers, by the names of telemetry-manager's test/testkit/metrics/runtime). CPU, memory and page
// faults of pods and containers are measured on the running processes, those of the nodes on this
// machine; requests, limits, phase, restarts and replicas are the shop's own declarations.
// Volumes, and the network and file system use of pods, are not among them: processes have none.
type metricAgent struct {
	began    time.Time
	lastAt   time.Time
	last     map[string]float64 // CPU seconds by pod uid
	lastNode float64
}

func newMetricAgent() *metricAgent {
	return &metricAgent{began: time.Now(), last: map[string]float64{}}
}

// batch collects metrics of one time.
type batch struct {
	md        pmetric.Metrics
	began, at pcommon.Timestamp
}

type scope struct {
	batch
	pmetric.ScopeMetrics
}

func (b batch) resource(scopeName string, fill func(pcommon.Resource)) scope {
	rm := b.md.ResourceMetrics().AppendEmpty()
	fill(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(scopeName)
	sm.Scope().SetVersion(telemetryVersion)
	return scope{b, sm}
}

func (s scope) metric(name, unit string) pmetric.Metric {
	m := s.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m
}

func (s scope) gauge(name, unit string, value int64) {
	p := s.metric(name, unit).SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(s.at)
	p.SetIntValue(value)
}

func (s scope) gaugeDouble(name, unit string, value float64) {
	p := s.metric(name, unit).SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(s.at)
	p.SetDoubleValue(value)
}

func (s scope) sum(name, unit string) pmetric.Sum {
	sum := s.metric(name, unit).SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum
}

func (s scope) point(sum pmetric.Sum) pmetric.NumberDataPoint {
	p := sum.DataPoints().AppendEmpty()
	p.SetStartTimestamp(s.began)
	p.SetTimestamp(s.at)
	return p
}

// collect measures once.
func (a *metricAgent) collect(processes []*process) (pmetric.Metrics, error) {
	now := time.Now()
	elapsed := now.Sub(a.lastAt).Seconds()
	m, err := readMachine()
	if err != nil {
		return pmetric.Metrics{}, err
	}
	b := batch{pmetric.NewMetrics(), pcommon.NewTimestampFromTime(a.began), pcommon.NewTimestampFromTime(now)}
	replicas := map[string]int64{}
	for _, process := range processes {
		p := process.pod
		u, err := readUsage(process.pid())
		if err != nil {
			return pmetric.Metrics{}, err
		}
		b := b
		b.began = pcommon.NewTimestampFromTime(process.began)
		// As the receivers do: one resource from the kubelet for the pod, one for each container.
		podScope := b.resource(gateway.ScopeRuntime, p.enrich)
		containerScope := b.resource(gateway.ScopeRuntime, func(r pcommon.Resource) {
			r.Attributes().PutStr("k8s.container.name", p.service)
			p.enrich(r)
		})
		for prefix, s := range map[string]scope{"k8s.pod": podScope, "container": containerScope} {
			s.point(s.sum(prefix+".cpu.time", "s")).SetDoubleValue(u.cpu)
			if before, known := a.last[p.uid]; known {
				s.gaugeDouble(prefix+".cpu.usage", "{cpu}", (u.cpu-before)/elapsed)
			}
			s.gauge(prefix+".memory.available", "By", max(0, p.memoryLimit-u.resident))
			s.gauge(prefix+".memory.usage", "By", u.resident)
			s.gauge(prefix+".memory.rss", "By", u.anonymous)
			s.gauge(prefix+".memory.working_set", "By", u.resident)
			s.gauge(prefix+".memory.page_faults", "1", u.pageFaults)
			s.gauge(prefix+".memory.major_page_faults", "1", u.majorFault)
			s.gauge(prefix+".filesystem.available", "By", m.filesystemFree)
			s.gauge(prefix+".filesystem.capacity", "By", m.filesystemTotal)
		}
		podScope.gauge("k8s.pod.phase", "", 2) // Running
		containerScope.gaugeDouble("k8s.container.cpu_request", "{cpu}", p.cpuRequest)
		containerScope.gaugeDouble("k8s.container.cpu_limit", "{cpu}", p.cpuLimit)
		containerScope.gauge("k8s.container.memory_request", "By", p.memoryLimit)
		containerScope.gauge("k8s.container.memory_limit", "By", p.memoryLimit)
		containerScope.gauge("k8s.container.restarts", "{restart}", 0)
		a.last[p.uid] = u.cpu
		if p.workload == "k8s.deployment.name" {
			replicas[p.service]++
		}
	}
	for _, n := range nodes {
		s := b.resource(gateway.ScopeRuntime, n.enrich)
		if !a.lastAt.IsZero() {
			s.gaugeDouble("k8s.node.cpu.usage", "{cpu}", (m.cpu-a.lastNode)/elapsed)
		}
		s.gauge("k8s.node.memory.available", "By", m.memoryAvailable)
		s.gauge("k8s.node.memory.usage", "By", m.memoryUsed)
		s.gauge("k8s.node.filesystem.available", "By", m.filesystemFree)
		s.gauge("k8s.node.filesystem.capacity", "By", m.filesystemTotal)
		s.gauge("k8s.node.filesystem.usage", "By", m.filesystemTotal-m.filesystemFree)
		if len(m.interfaces) > 0 {
			io := s.sum("k8s.node.network.io", "By")
			for name, bytes := range m.interfaces {
				for i, direction := range []string{"receive", "transmit"} {
					p := s.point(io)
					p.Attributes().PutStr("interface", filepath.Base(name))
					p.Attributes().PutStr("direction", direction)
					p.SetIntValue(bytes[i])
				}
			}
		}
	}
	for service, n := range replicas {
		s := b.resource(gateway.ScopeRuntime, func(r pcommon.Resource) {
			r.Attributes().PutStr("k8s.deployment.name", service)
			r.Attributes().PutStr("k8s.namespace.name", namespace)
			enrichCluster(r)
		})
		s.gauge("k8s.deployment.desired", "{pod}", n)
		s.gauge("k8s.deployment.available", "{pod}", n)
	}
	a.lastAt, a.lastNode = now, m.cpu
	return b.md, nil
}
