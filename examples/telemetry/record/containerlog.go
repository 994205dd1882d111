package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// containerLog makes of a pod's stdout and stderr what Kyma's log agent makes of a container's log
// (telemetry-manager, internal/otelcollector/config/logagent): each line one record, a JSON line
// taken apart, its message the body, its level the severity, its trace ids the record's.
type containerLog struct {
	pod     pod
	mu      sync.Mutex
	batch   plog.Logs
	records plog.LogRecordSlice
}

func newContainerLog(p pod) *containerLog {
	l := &containerLog{pod: p}
	l.renew()
	return l
}

func (l *containerLog) renew() {
	l.batch = plog.NewLogs()
	rl := l.batch.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("k8s.container.name", l.pod.service)
	rl.Resource().Attributes().PutStr("k8s.container.restart_count", "0")
	l.pod.enrich(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(gateway.ScopeRuntime)
	sl.Scope().SetVersion(telemetryVersion)
	l.records = sl.LogRecords()
}

// follow reads the stream to its end.
func (l *containerLog) follow(stream string, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		now := pcommon.NewTimestampFromTime(time.Now())
		l.mu.Lock()
		record := l.records.AppendEmpty()
		record.SetTimestamp(now)
		record.SetObservedTimestamp(now)
		err := parseLine(record, lines.Text())
		record.Attributes().PutStr("log.iostream", stream)
		record.Attributes().PutStr("log.file.path", fmt.Sprintf("/var/log/pods/%s_%s_%s/%s/0.log", namespace, l.pod.name, l.pod.uid, l.pod.service))
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// take gives what has come since the last time.
func (l *containerLog) take() plog.Logs {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := l.batch
	l.renew()
	return batch
}

var (
	jsonLine         = regexp.MustCompile(`^{.*}$`)
	traceparentValue = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$`)
)

var severities = map[string]plog.SeverityNumber{
	"debug": plog.SeverityNumberDebug,
	"info":  plog.SeverityNumberInfo,
	"warn":  plog.SeverityNumberWarn,
	"error": plog.SeverityNumberError,
}

func parseLine(record plog.LogRecord, line string) error {
	var fields map[string]any
	if !jsonLine.MatchString(line) || json.Unmarshal([]byte(line), &fields) != nil {
		record.Body().SetStr(line)
		return nil
	}
	attributes := record.Attributes()
	if err := attributes.FromRaw(fields); err != nil {
		return fmt.Errorf("log line %q: %w", line, err)
	}
	attributes.PutStr("log.original", line)
	take := func(key string) (text string, found bool) {
		v, found := attributes.Get(key)
		if found {
			text = v.AsString()
			attributes.Remove(key)
		}
		return text, found
	}
	for _, key := range []string{"message", "msg"} {
		if text, found := take(key); found {
			record.Body().SetStr(text)
		}
	}
	if level, found := take("level"); found {
		record.SetSeverityText(level)
		record.SetSeverityNumber(severities[strings.ToLower(level)])
	}
	traceID, _ := take("trace_id")
	spanID, _ := take("span_id")
	flags, _ := take("trace_flags")
	if parent, found := take("traceparent"); found {
		if parts := traceparentValue.FindStringSubmatch(parent); parts != nil {
			traceID, spanID, flags = parts[1], parts[2], parts[3]
		}
	}
	var trace pcommon.TraceID
	var span pcommon.SpanID
	var flag [1]byte
	for _, id := range []struct {
		to   []byte
		text string
	}{{trace[:], traceID}, {span[:], spanID}, {flag[:], flags}} {
		if len(id.text) == 2*len(id.to) {
			if _, err := hex.Decode(id.to, []byte(id.text)); err != nil {
				return fmt.Errorf("log line %q: %w", line, err)
			}
		}
	}
	record.SetTraceID(trace)
	record.SetSpanID(span)
	record.SetFlags(plog.LogRecordFlags(flag[0]))
	return nil
}
