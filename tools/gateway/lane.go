package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/processor"
)

// tap holds the caller's observers of one signal.
type tap[T any] struct {
	sent, acknowledged, refused func(T)
}

// lane is the way of one pipeline's data:
//
//	select -> transform -> filter -> cumulativetodelta -> batch -> queue -> retry -> otlp_grpc or otlp_http
//
// Queue, retry and transport are the collector's own, but each is a stage of its own: only so can
// one see, from outside, the exact items of every request, each attempt, and the final answer.
type lane[T any] struct {
	pipeline Pipeline
	signal   signalType[T]
	selects  func(T)
	options  Options
	tap      tap[T]
	ledger   *ledger

	first  consume[T]
	starts []component.Component // in the order of starting: the last first
	queue  component.Component
	retry  component.Component
	otlp   component.Component

	// mu lets Flush exchange the batch processor: it can only be emptied by shutting it down.
	mu      sync.RWMutex
	closed  bool
	batch   component.Component
	batcher consume[T]
	enqueue consume[T]

	abandon context.CancelFunc // ends every attempt and every wait for a retry
}

func newLane[T any](ctx context.Context, p Pipeline, signal signalType[T], selects func(T), queueSize int, o Options, t tap[T]) (*lane[T], error) {
	l := &lane[T]{pipeline: p, signal: signal, selects: selects, options: o, tap: t, ledger: newLedger()}
	if err := l.buildExporter(ctx, queueSize); err != nil {
		return nil, err
	}
	if err := l.buildProcessors(ctx); err != nil {
		l.abandon()
		return nil, err
	}
	return l, nil
}

func (l *lane[T]) settings(factoryType component.Type) (component.ID, component.TelemetrySettings) {
	return component.NewIDWithName(factoryType, string(l.pipeline.Signal)+"-"+l.pipeline.Name), telemetry(l.options.Logger)
}

func (l *lane[T]) buildExporter(ctx context.Context, queueSize int) error {
	p, o := l.pipeline, l.options
	factory := p.exporterFactory()
	id, set := l.settings(factory.Type())
	exporterSettings := exporter.Settings{ID: id, TelemetrySettings: set}

	settings, err := p.exporterConfig(o)
	if err != nil {
		return err
	}
	config, err := configure(factory, settings)
	if err != nil {
		return fmt.Errorf("%s: spec.output.otlp: %w", p, err)
	}
	otlp, push, err := l.signal.exporter(ctx, factory, exporterSettings, config)
	if err != nil {
		return fmt.Errorf("%s: the OTLP exporter: %w", p, err)
	}

	attempt := func(ctx context.Context, data T) error {
		err := push(ctx, data)
		l.ledger.change(func(c *Counts) {
			c.Attempts++
			if err != nil {
				c.LastError = err.Error()
			}
		})
		return err
	}
	backOff := configretry.NewDefaultBackOffConfig()
	backOff.InitialInterval, backOff.MaxInterval, backOff.MaxElapsedTime = o.RetryInitial, o.RetryMax, o.RetryGiveUp
	noTimeout := exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}) // the transport has its own
	retry, pushWithRetry, err := l.signal.stage(ctx, exporterSettings, config, attempt, noTimeout, exporterhelper.WithRetry(backOff))
	if err != nil {
		return fmt.Errorf("%s: retry: %w", p, err)
	}

	working, abandon := context.WithCancel(context.Background())
	answer := func(ctx context.Context, data T) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(working, cancel)()
		items := l.signal.count(data)
		err := working.Err()
		if err == nil {
			err = pushWithRetry(ctx, data)
		}
		switch {
		case err == nil:
			l.ledger.change(func(c *Counts) { c.Queued -= items; c.Acknowledged += items })
			if l.tap.acknowledged != nil {
				l.tap.acknowledged(data)
			}
		case working.Err() != nil:
			// Nobody answered: the items stay counted as queued.
		default:
			l.ledger.change(func(c *Counts) { c.refuse(items, err) })
			if l.tap.refused != nil {
				l.tap.refused(data)
			}
		}
		return err
	}
	queueConfig := exporterhelper.NewDefaultQueueConfig()
	queueConfig.QueueSize = int64(queueSize)
	queue, enqueue, err := l.signal.stage(ctx, exporterSettings, config, answer, noTimeout, exporterhelper.WithQueue(configoptional.Some(queueConfig)))
	if err != nil {
		abandon()
		return fmt.Errorf("%s: queue: %w", p, err)
	}
	l.otlp, l.retry, l.queue, l.enqueue, l.abandon = otlp, retry, queue, enqueue, abandon
	l.starts = append(l.starts, otlp, retry, queue)
	return nil
}

// handOver is what the batch processor delivers to.
func (l *lane[T]) handOver(ctx context.Context, data T) error {
	items := l.signal.count(data)
	if l.tap.sent != nil {
		l.tap.sent(l.signal.clone(data))
	}
	l.ledger.change(func(c *Counts) {
		c.Batching -= items
		c.Sent += items
		c.Queued += items
		c.Batches++
	})
	err := l.enqueue(ctx, data)
	if err != nil {
		l.ledger.change(func(c *Counts) { c.refuse(items, err) })
		if l.tap.refused != nil {
			l.tap.refused(data)
		}
	}
	return err
}

func (l *lane[T]) buildBatch(ctx context.Context) error {
	config, err := batchConfig(l.options.batchSize(l.pipeline.Signal), l.options.BatchTimeout)
	if err != nil {
		return fmt.Errorf("%s: batch: %w", l.pipeline, err)
	}
	id, set := l.settings(batchFactory.Type())
	l.batch, l.batcher, err = l.signal.processor(ctx, batchFactory, processor.Settings{ID: id, TelemetrySettings: set}, config, l.handOver)
	if err != nil {
		return fmt.Errorf("%s: batch: %w", l.pipeline, err)
	}
	return nil
}

// buildProcessors puts the processors together from the last to the first, with a count between each.
func (l *lane[T]) buildProcessors(ctx context.Context) error {
	p := l.pipeline
	if err := l.buildBatch(ctx); err != nil {
		return err
	}
	next := func(ctx context.Context, data T) error {
		items := l.signal.count(data)
		if items == 0 {
			return nil
		}
		l.ledger.change(func(c *Counts) { c.Batching += items })
		return l.batcher(ctx, data)
	}

	add := func(factory processor.Factory, config component.Config, err error, book func(c *Counts, lost int)) error {
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p, factory.Type(), err)
		}
		id, set := l.settings(factory.Type())
		after := next
		// The processors call on at most once for each call, in the same goroutine, and not at all
		// when nothing is left. The context carries the count of what came out.
		made, process, err := l.signal.processor(ctx, factory, processor.Settings{ID: id, TelemetrySettings: set}, config,
			func(ctx context.Context, data T) error {
				*ctx.Value(leftKey{}).(*int) = l.signal.count(data)
				return after(ctx, data)
			})
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p, factory.Type(), err)
		}
		l.starts = append(l.starts, made)
		next = func(ctx context.Context, data T) error {
			came, left := l.signal.count(data), 0
			err := process(context.WithValue(ctx, leftKey{}, &left), data)
			l.ledger.change(func(c *Counts) { book(c, came-left) })
			return err
		}
		return nil
	}

	if p.Delta {
		config, err := deltaConfig(l.options.KeepFirstPoints)
		if err := add(deltaFactory, config, err, func(c *Counts, lost int) { c.Withheld += lost }); err != nil {
			return err
		}
	}
	if len(p.Filters) > 0 {
		config, err := p.filterConfig(p.Filters)
		if err := add(filterFactory, config, err, func(c *Counts, lost int) { c.Filtered += lost }); err != nil {
			return err
		}
	}
	if len(p.Transforms) > 0 {
		config, err := p.transformConfig(p.Transforms)
		if err := add(transformFactory, config, err, func(c *Counts, lost int) { c.Added -= lost }); err != nil {
			return err
		}
	}
	l.first = next
	return nil
}

type leftKey struct{}

func (l *lane[T]) start(ctx context.Context) error {
	for i, c := range append(l.starts, l.batch) {
		if err := c.Start(ctx, bareHost{}); err != nil {
			for _, started := range l.starts[:i] {
				err = errors.Join(err, started.Shutdown(ctx))
			}
			l.abandon()
			return fmt.Errorf("%s: %w", l.pipeline, err)
		}
	}
	return nil
}

func (l *lane[T]) send(ctx context.Context, data T) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return errShutDown
	}
	own := l.signal.clone(data)
	entered := l.signal.count(own)
	if l.selects != nil {
		l.selects(own)
	}
	left := l.signal.count(own)
	l.ledger.change(func(c *Counts) { c.Entered += entered; c.Unselected += entered - left })
	if left == 0 {
		return nil
	}
	return l.first(ctx, own)
}

// flush hands over what waits in the batch and lets a new one begin, then waits for every answer.
func (l *lane[T]) flush(ctx context.Context) error {
	if err := l.exchangeBatch(ctx); err != nil {
		return err
	}
	return l.settled(ctx)
}

func (l *lane[T]) exchangeBatch(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errShutDown
	}
	if err := l.batch.Shutdown(ctx); err != nil {
		return fmt.Errorf("%s: batch: %w", l.pipeline, err)
	}
	if err := l.buildBatch(ctx); err != nil {
		return err
	}
	return l.batch.Start(ctx, bareHost{})
}

func (l *lane[T]) settled(ctx context.Context) error {
	if err := l.ledger.settle(ctx); err != nil {
		c, _ := l.ledger.read()
		last := ""
		if c.LastError != "" {
			last = "; the last failed attempt got: " + c.LastError
		}
		return fmt.Errorf("%s: %d of %d %s sent have no answer from %s yet: %w%s",
			l.pipeline, c.Queued, c.Sent, l.pipeline.Signal.items(), l.pipeline.Endpoint, err, last)
	}
	return nil
}

func (l *lane[T]) shutdown(ctx context.Context) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()

	// From here on the parts must stop even when ctx is over, or goroutines and connections would stay.
	stop := context.WithoutCancel(ctx)
	errs := []error{l.batch.Shutdown(stop), l.settled(ctx)}
	l.abandon()
	errs = append(errs, l.retry.Shutdown(stop), l.queue.Shutdown(stop), l.otlp.Shutdown(stop))
	for _, c := range l.starts {
		if c != l.retry && c != l.queue && c != l.otlp {
			errs = append(errs, c.Shutdown(stop))
		}
	}
	return errors.Join(errs...)
}
