package gateway

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
)

// consume takes one batch on.
type consume[T any] func(context.Context, T) error

// signalType joins the collector's interfaces, which are one per signal, into one generic form.
type signalType[T any] struct {
	// count gives the items of a batch: spans, datapoints, log records.
	count func(T) int
	clone func(T) T
	// processor makes a processor that passes its result to next.
	processor func(context.Context, processor.Factory, processor.Settings, component.Config, consume[T]) (component.Component, consume[T], error)
	// exporter makes an exporter of its factory.
	exporter func(context.Context, exporter.Factory, exporter.Settings, component.Config) (component.Component, consume[T], error)
	// stage makes the collector's own queue or retry around push.
	stage func(context.Context, exporter.Settings, component.Config, consume[T], ...exporterhelper.Option) (component.Component, consume[T], error)
}

var mutates = consumer.WithCapabilities(consumer.Capabilities{MutatesData: true})

var traceSignal = signalType[ptrace.Traces]{
	count: ptrace.Traces.SpanCount,
	clone: func(td ptrace.Traces) ptrace.Traces {
		c := ptrace.NewTraces()
		td.CopyTo(c)
		return c
	},
	processor: func(ctx context.Context, f processor.Factory, set processor.Settings, cfg component.Config, next consume[ptrace.Traces]) (component.Component, consume[ptrace.Traces], error) {
		c, err := consumer.NewTraces(consumer.ConsumeTracesFunc(next), mutates)
		if err != nil {
			return nil, nil, err
		}
		p, err := f.CreateTraces(ctx, set, cfg, c)
		if err != nil {
			return nil, nil, err
		}
		return p, p.ConsumeTraces, nil
	},
	exporter: func(ctx context.Context, f exporter.Factory, set exporter.Settings, cfg component.Config) (component.Component, consume[ptrace.Traces], error) {
		e, err := f.CreateTraces(ctx, set, cfg)
		if err != nil {
			return nil, nil, err
		}
		return e, e.ConsumeTraces, nil
	},
	stage: func(ctx context.Context, set exporter.Settings, cfg component.Config, push consume[ptrace.Traces], o ...exporterhelper.Option) (component.Component, consume[ptrace.Traces], error) {
		e, err := exporterhelper.NewTraces(ctx, set, cfg, consumer.ConsumeTracesFunc(push), o...)
		if err != nil {
			return nil, nil, err
		}
		return e, e.ConsumeTraces, nil
	},
}

var metricSignal = signalType[pmetric.Metrics]{
	count: pmetric.Metrics.DataPointCount,
	clone: func(md pmetric.Metrics) pmetric.Metrics {
		c := pmetric.NewMetrics()
		md.CopyTo(c)
		return c
	},
	processor: func(ctx context.Context, f processor.Factory, set processor.Settings, cfg component.Config, next consume[pmetric.Metrics]) (component.Component, consume[pmetric.Metrics], error) {
		c, err := consumer.NewMetrics(consumer.ConsumeMetricsFunc(next), mutates)
		if err != nil {
			return nil, nil, err
		}
		p, err := f.CreateMetrics(ctx, set, cfg, c)
		if err != nil {
			return nil, nil, err
		}
		return p, p.ConsumeMetrics, nil
	},
	exporter: func(ctx context.Context, f exporter.Factory, set exporter.Settings, cfg component.Config) (component.Component, consume[pmetric.Metrics], error) {
		e, err := f.CreateMetrics(ctx, set, cfg)
		if err != nil {
			return nil, nil, err
		}
		return e, e.ConsumeMetrics, nil
	},
	stage: func(ctx context.Context, set exporter.Settings, cfg component.Config, push consume[pmetric.Metrics], o ...exporterhelper.Option) (component.Component, consume[pmetric.Metrics], error) {
		e, err := exporterhelper.NewMetrics(ctx, set, cfg, consumer.ConsumeMetricsFunc(push), o...)
		if err != nil {
			return nil, nil, err
		}
		return e, e.ConsumeMetrics, nil
	},
}

var logSignal = signalType[plog.Logs]{
	count: plog.Logs.LogRecordCount,
	clone: func(ld plog.Logs) plog.Logs {
		c := plog.NewLogs()
		ld.CopyTo(c)
		return c
	},
	processor: func(ctx context.Context, f processor.Factory, set processor.Settings, cfg component.Config, next consume[plog.Logs]) (component.Component, consume[plog.Logs], error) {
		c, err := consumer.NewLogs(consumer.ConsumeLogsFunc(next), mutates)
		if err != nil {
			return nil, nil, err
		}
		p, err := f.CreateLogs(ctx, set, cfg, c)
		if err != nil {
			return nil, nil, err
		}
		return p, p.ConsumeLogs, nil
	},
	exporter: func(ctx context.Context, f exporter.Factory, set exporter.Settings, cfg component.Config) (component.Component, consume[plog.Logs], error) {
		e, err := f.CreateLogs(ctx, set, cfg)
		if err != nil {
			return nil, nil, err
		}
		return e, e.ConsumeLogs, nil
	},
	stage: func(ctx context.Context, set exporter.Settings, cfg component.Config, push consume[plog.Logs], o ...exporterhelper.Option) (component.Component, consume[plog.Logs], error) {
		e, err := exporterhelper.NewLogs(ctx, set, cfg, consumer.ConsumeLogsFunc(push), o...)
		if err != nil {
			return nil, nil, err
		}
		return e, e.ConsumeLogs, nil
	},
}
