package faults

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// Every record of a run has a number, by which it is known wherever it turns up: of a span it is the span id, of a datapoint
// its value, of a log record it stands in the body. Where the value is needed for something else (NaN, a histogram) the
// number stands in the attribute recordAttribute.
const (
	recordAttribute = "record"
	recordMark      = "record-"
)

// fate is what has become of one record, as far as the sender's side can see.
type fate uint8

const (
	accepted     fate = 1 << iota // by Kyma's gateway
	acknowledged                  // by the collector
	refused                       // by the collector, for good
	poison                        // not meant to arrive
)

// ledger knows the fate of every record of one signal. It is safe for concurrent use.
type ledger struct {
	mu    sync.Mutex
	fates []fate
	// exposed is how many records there were when the fault ended: those that may have met it.
	exposed int
}

// faultOver notes that records from now on do not meet the fault.
func (l *ledger) faultOver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.exposed = len(l.fates)
}

// take hands out the number of a new record.
func (l *ledger) take(f fate) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates = append(l.fates, f)
	return len(l.fates) - 1
}

func (l *ledger) note(f fate, numbers []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range numbers {
		if n >= 0 && n < len(l.fates) {
			l.fates[n] |= f
		}
	}
}

// tally is what a ledger and AWS's store say together.
type tally struct {
	// accepted, acknowledged and refused are by the gateway, the collector, the collector for good; without poison.
	accepted, acknowledged, refused int
	// stored counts records that AWS holds, duplicated the further times that it holds them.
	stored, duplicated int
	// lost are the records accepted that AWS does not hold; lostAfter those of them that the collector had acknowledged.
	lost, lostAfter int
	// poison counts poisonous records sent, poisonStored those that AWS took all the same.
	poison, poisonStored int
	// exposed counts the accepted records that were there before the fault ended.
	exposed int
}

// count compares the ledger with how many times AWS holds each record.
func (l *ledger) count(stored map[int]int) tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	var t tally
	for n, f := range l.fates {
		times := stored[n]
		if f&poison != 0 {
			t.poison++
			if times > 0 {
				t.poisonStored++
			}
			continue
		}
		if f&accepted == 0 {
			continue
		}
		t.accepted++
		if n < l.exposed {
			t.exposed++
		}
		if f&acknowledged != 0 {
			t.acknowledged++
		}
		if f&refused != 0 {
			t.refused++
		}
		if times > 0 {
			t.stored++
			t.duplicated += times - 1
			continue
		}
		t.lost++
		if f&acknowledged != 0 {
			t.lostAfter++
		}
	}
	return t
}

func spanID(n int) pcommon.SpanID {
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], uint64(n)+1) //nolint:gosec // never negative; an id of zeros is none
	return id
}

func traceNumbers(td ptrace.Traces) []int {
	var numbers []int
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.SpanID()
				numbers = append(numbers, int(binary.BigEndian.Uint64(id[:]))-1) //nolint:gosec // from spanID
			}
		}
	}
	return numbers
}

func metricNumbers(md pmetric.Metrics) []int {
	var numbers []int
	note := func(attributes pcommon.Map, value float64) {
		if text, ok := attributes.Get(recordAttribute); ok {
			if n, err := strconv.Atoi(text.AsString()); err == nil {
				numbers = append(numbers, n)
			}
			return
		}
		numbers = append(numbers, int(value))
	}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, metric := range sm.Metrics().All() {
				switch metric.Type() {
				case pmetric.MetricTypeGauge:
					for _, p := range metric.Gauge().DataPoints().All() {
						note(p.Attributes(), p.DoubleValue())
					}
				case pmetric.MetricTypeSum:
					for _, p := range metric.Sum().DataPoints().All() {
						note(p.Attributes(), p.DoubleValue())
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range metric.Histogram().DataPoints().All() {
						note(p.Attributes(), p.Sum())
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range metric.ExponentialHistogram().DataPoints().All() {
						note(p.Attributes(), p.Sum())
					}
				}
			}
		}
	}
	return numbers
}

func logNumbers(ld plog.Logs) []int {
	var numbers []int
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if text, ok := record.Attributes().Get(recordAttribute); ok {
					numbers = append(numbers, markedNumbers(text.AsString())...)
					continue
				}
				numbers = append(numbers, markedNumbers(record.Body().AsString())...)
			}
		}
	}
	return numbers
}

// mark is how a record's number stands in a log record's body.
func mark(n int) string { return fmt.Sprintf("%s%08d.", recordMark, n) }

// markedNumbers finds the number in a text; at most one, the first.
func markedNumbers(text string) []int {
	_, rest, found := strings.Cut(text, recordMark)
	if !found {
		return nil
	}
	digits, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return nil
	}
	return []int{n}
}

// storedSpans, storedPoints and storedRecords count how many times AWS holds each record.
func storedSpans(snapshot awslocal.Snapshot) map[int]int {
	stored := map[int]int{}
	for _, span := range snapshot.Spans {
		id, err := strconv.ParseUint(span.SpanID, 16, 64)
		if err == nil && id > 0 {
			stored[int(id)-1] += max(1, span.Stored) //nolint:gosec // from spanID
		}
	}
	return stored
}

func storedPoints(snapshot awslocal.Snapshot) map[int]int {
	stored := map[int]int{}
	for _, metric := range snapshot.Metrics {
		if !strings.HasPrefix(metric.Name, metricPrefix) {
			continue
		}
		for _, point := range metric.Datapoints {
			times := max(1, point.Stored)
			text, ok := metric.Dimensions[recordAttribute]
			if !ok {
				if field, has := point.Fields[recordAttribute]; has {
					text, ok = fmt.Sprint(field), true
				}
			}
			if ok {
				if n, err := strconv.Atoi(text); err == nil {
					stored[n] += times
				}
				continue
			}
			if len(point.Values) == 1 {
				stored[int(point.Values[0])] += times
			}
		}
	}
	return stored
}

func storedRecords(snapshot awslocal.Snapshot) map[int]int {
	stored := map[int]int{}
	for _, group := range snapshot.LogGroups {
		for _, stream := range group.Streams {
			for _, event := range stream.Events {
				for _, n := range markedNumbers(event.Message) {
					stored[n]++
				}
			}
		}
	}
	return stored
}
