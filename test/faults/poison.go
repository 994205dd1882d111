package faults

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// goodBeside is how many good records are in a batch with poison.
const goodBeside = 20

// poisonous is the fault that comes of the records themselves. The poison comes in the middle of the load, three times.
func poisonous(name, what string, signal gateway.Signal) Fault {
	f := Fault{Name: name, What: what, shows: itself, concerns: func(c Cell) bool { return c.Signal == signal }}
	if name == "poison-empty" {
		// Otherwise an event is the record as JSON, which is never empty.
		f.values = map[string]any{"global": map[string]any{"logs": map[string]any{"rawLog": true}}}
		f.valued = func(c Cell) bool { return !native(c) }
	}
	f.act = func(ctx context.Context, r *run) error {
		for range 3 {
			for _, s := range r.sources {
				if err := s.poison(ctx, name); err != nil {
					return err
				}
			}
			if err := sleep(ctx, r.pace.Outage/8); err != nil {
				return err
			}
		}
		return nil
	}
	return f
}

// poison sends a batch of good records with bad ones in their middle.
func (s *source) poison(ctx context.Context, name string) error {
	var good []int
	for range goodBeside {
		good = append(good, s.ledger.take(0))
	}
	var err error
	switch s.signal {
	case gateway.Traces:
		err = s.poisonTraces(ctx, name, good)
	case gateway.Metrics:
		err = s.poisonMetrics(ctx, name, good)
	case gateway.Logs:
		err = s.poisonLogs(ctx, name, good)
	}
	if err != nil {
		return fmt.Errorf("sending %s: %w", name, err)
	}
	s.ledger.note(accepted, good)
	return nil
}

func (s *source) poisonTraces(ctx context.Context, name string, good []int) error {
	bytes := 70 << 10
	if name == "poison-200kb-span" {
		bytes = 210 << 10
	}
	td := spans(good[:goodBeside/2])
	list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	var trace pcommon.TraceID
	_, _ = rand.Read(trace[:]) // never fails
	span := list.AppendEmpty()
	fillSpan(span, trace, s.ledger.take(poison), time.Now())
	span.Attributes().PutStr("db.query.text", strings.Repeat("x", bytes))
	for _, n := range good[goodBeside/2:] {
		fillSpan(list.AppendEmpty(), trace, n, time.Now())
	}
	return s.gateway.SendTraces(ctx, td)
}

func (s *source) poisonMetrics(ctx context.Context, name string, good []int) error {
	md := points(good, 0)
	rm := md.ResourceMetrics().At(0)
	// Another service, so that its datapoints collide with none of the load's.
	rm.Resource().Attributes().PutStr("service.instance.id", fmt.Sprint("poison-", good[0]))
	metrics := rm.ScopeMetrics().At(0).Metrics()
	now := pcommon.NewTimestampFromTime(time.Now())
	gauge := func(metric string, value float64) pmetric.NumberDataPoint {
		m := metrics.AppendEmpty()
		m.SetName(metricPrefix + metric)
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.SetDoubleValue(value)
		return p
	}
	number := func(f fate) string { return fmt.Sprint(s.ledger.take(f)) }
	switch name {
	case "poison-100-metrics":
		for i := range 150 {
			gauge(fmt.Sprintf("m%03d", i), float64(s.ledger.take(poison)))
		}
	case "poison-non-ascii":
		p := gauge("sized", 1)
		p.Attributes().PutStr("größe", "XL")
		p.Attributes().PutStr(recordAttribute, number(poison))
	case "poison-nan":
		for i, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			gauge(fmt.Sprint("odd", i), value).Attributes().PutStr(recordAttribute, number(poison))
		}
	case "poison-too-old-metric":
		p := gauge("old", float64(s.ledger.take(poison)))
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-15 * 24 * time.Hour)))
	case "poison-histogram":
		for range 5 {
			m := metrics.AppendEmpty()
			m.SetName(metricPrefix + "duration")
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(now)
			p.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
			p.ExplicitBounds().FromRaw([]float64{0.1, 1, 10})
			p.BucketCounts().FromRaw([]uint64{1, 2, 3, 1})
			p.SetCount(7)
			p.SetSum(17)
			p.SetMin(0.05)
			p.SetMax(12)
			n := s.ledger.take(accepted)
			p.Attributes().PutStr(recordAttribute, fmt.Sprint(n))
		}
	}
	return s.gateway.SendMetrics(ctx, md)
}

func (s *source) poisonLogs(ctx context.Context, name string, good []int) error {
	ld := records(good[:goodBeside/2], s.bodyBytes)
	list := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	n := s.ledger.take(poison)
	record := list.AppendEmpty()
	switch name {
	case "poison-too-old":
		fillRecord(record, mark(n), time.Now().Add(-15*24*time.Hour))
	case "poison-too-new":
		fillRecord(record, mark(n), time.Now().Add(3*time.Hour))
	case "poison-empty":
		fillRecord(record, "", time.Now())
		record.Attributes().PutStr(recordAttribute, mark(n))
	case "poison-1mb":
		fillRecord(record, mark(n)+strings.Repeat("x", 1200<<10), time.Now())
	}
	rest := records(good[goodBeside/2:], s.bodyBytes)
	rest.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(r plog.LogRecord) bool {
		r.CopyTo(list.AppendEmpty())
		return true
	})
	return s.gateway.SendLogs(ctx, ld)
}
