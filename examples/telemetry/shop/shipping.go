package shop

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// shipping accepts parcels and packs them later: a trace of its own, linked to the order's.
type shipping struct {
	*httpService
	*pod
	json    *slog.Logger
	waiting atomic.Int64
	packing sync.WaitGroup
	packed  metric.Int64Counter
}

func newShipping(p *pod) (service, error) {
	s := &shipping{pod: p, json: slog.New(slog.NewJSONHandler(os.Stdout, nil))}
	var err error
	if s.packed, err = p.meter.Int64Counter("shop.parcels", metric.WithUnit("{parcel}"), metric.WithDescription("Parcels by how packing ended")); err != nil {
		return nil, err
	}
	if _, err := p.meter.Int64ObservableUpDownCounter("shop.parcels.waiting", metric.WithUnit("{parcel}"), metric.WithDescription("Parcels not yet packed"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.waiting.Load())
			return nil
		})); err != nil {
		return nil, err
	}
	s.httpService = newHTTPService(map[string]http.HandlerFunc{"POST /parcels": s.accept})
	return s, nil
}

func (s *shipping) accept(w http.ResponseWriter, r *http.Request) {
	var parcel struct{ Product string }
	if err := json.NewDecoder(r.Body).Decode(&parcel); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.waiting.Add(1)
	order := trace.LinkFromContext(r.Context())
	s.packing.Go(func() { s.pack(parcel.Product, order) })
	w.WriteHeader(http.StatusAccepted)
}

func (s *shipping) pack(product string, order trace.Link) {
	defer s.waiting.Add(-1)
	ctx, span := s.tracer.Start(context.Background(), "pack parcel", trace.WithNewRoot(), trace.WithLinks(order),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attribute.String("shop.product", product)))
	defer span.End()
	outcome := "packed"
	if product == "anvil" {
		outcome = "failed"
		err := errors.New("the parcel is too heavy")
		trail := stack(0)
		recordException(span, err, trail)
		s.json.Error("cannot pack: "+err.Error()+"\n"+trail, "traceparent", traceparent(span.SpanContext()), "product", product)
	} else {
		s.json.Info("Paket gepackt – unterwegs", "traceparent", traceparent(span.SpanContext()), "product", product)
	}
	s.packed.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

func traceparent(c trace.SpanContext) string {
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String()
}

func (s *shipping) stop(ctx context.Context) error {
	err := s.httpService.stop(ctx)
	s.packing.Wait()
	return err
}
