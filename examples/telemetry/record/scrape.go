package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// scrape makes of a pod's Prometheus metrics what the prometheus receiver of Kyma's metric agent makes.
func scrape(ctx context.Context, process *process) (pmetric.Metrics, error) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+process.address+"/metrics", nil)
	if err != nil {
		return pmetric.Metrics{}, err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return pmetric.Metrics{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return pmetric.Metrics{}, fmt.Errorf("%s: /metrics: %s", process.pod.name, answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		return pmetric.Metrics{}, fmt.Errorf("%s: /metrics: %w", process.pod.name, err)
	}
	b := batch{pmetric.NewMetrics(), pcommon.NewTimestampFromTime(process.began), pcommon.NewTimestampFromTime(began)}
	s := b.resource(gateway.ScopePrometheus, process.pod.enrich)
	s.gaugeDouble("up", "", 1)
	s.gaugeDouble("scrape_duration_seconds", "s", time.Since(began).Seconds())
	for name, family := range families {
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			sum := s.sum(name, "")
			for _, m := range family.Metric {
				p := s.point(sum)
				label(p.Attributes(), m)
				p.SetDoubleValue(m.GetCounter().GetValue())
			}
		case dto.MetricType_GAUGE:
			gauge := s.metric(name, "").SetEmptyGauge()
			for _, m := range family.Metric {
				p := gauge.DataPoints().AppendEmpty()
				p.SetTimestamp(s.at)
				label(p.Attributes(), m)
				p.SetDoubleValue(m.GetGauge().GetValue())
			}
		case dto.MetricType_SUMMARY:
			summary := s.metric(name, "").SetEmptySummary()
			for _, m := range family.Metric {
				p := summary.DataPoints().AppendEmpty()
				p.SetStartTimestamp(s.began)
				p.SetTimestamp(s.at)
				label(p.Attributes(), m)
				p.SetCount(m.GetSummary().GetSampleCount())
				p.SetSum(m.GetSummary().GetSampleSum())
				for _, q := range m.GetSummary().GetQuantile() {
					v := p.QuantileValues().AppendEmpty()
					v.SetQuantile(q.GetQuantile())
					v.SetValue(q.GetValue())
				}
			}
		default:
			return pmetric.Metrics{}, fmt.Errorf("%s: %s is a %s, which the shop has not had so far", process.pod.name, name, family.GetType())
		}
	}
	return b.md, nil
}

func label(attributes pcommon.Map, m *dto.Metric) {
	for _, pair := range m.GetLabel() {
		attributes.PutStr(pair.GetName(), pair.GetValue())
	}
}
