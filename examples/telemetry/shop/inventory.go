package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// inventory writes plain lines to stdout, and serves Prometheus metrics as older services do.
type inventory struct {
	*httpService
	*pod
	plain *log.Logger

	mu       sync.Mutex
	reserved map[string]int64
	taken    prometheus.Counter
}

func newInventory(p *pod) (service, error) {
	i := &inventory{
		pod:      p,
		plain:    log.New(os.Stdout, "", log.Ldate|log.Ltime|log.Lmicroseconds|log.LUTC),
		reserved: map[string]int64{},
		taken:    prometheus.NewCounter(prometheus.CounterOpts{Name: "inventory_reservations_total", Help: "Reservations made"}),
	}
	const stock = 10000
	_, err := p.meter.Int64ObservableGauge("shop.stock", metric.WithUnit("{piece}"), metric.WithDescription("Pieces on the shelf"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			i.mu.Lock()
			defer i.mu.Unlock()
			for product, n := range i.reserved {
				o.Observe(stock-n, metric.WithAttributes(attribute.String("product", product)))
			}
			return nil
		}))
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(i.taken, collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()))
	i.httpService = newHTTPService(map[string]http.HandlerFunc{
		"GET /stock/{id}":    i.stock,
		"POST /reservations": i.reserve,
		"GET " + metricsPath: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP,
	})
	return i, nil
}

func (i *inventory) stock(w http.ResponseWriter, r *http.Request) {
	product, found := find(r.PathValue("id"))
	if !found {
		i.plain.Printf("WARN no product %q", r.PathValue("id"))
		http.Error(w, "no such product", http.StatusNotFound)
		return
	}
	i.plain.Printf("INFO stock of %s (%s) asked", product.ID, product.Name)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(product)
}

func (i *inventory) reserve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	defer func() {
		if cause := recover(); cause != nil {
			err, trail := fmt.Errorf("panic: %v", cause), stack(1)
			recordException(trace.SpanFromContext(ctx), err, trail)
			// Pushed by OTLP it stays one record; on stderr each line becomes one.
			i.log.ErrorContext(ctx, err.Error()+"\n\n"+trail, "exception.type", fmt.Sprintf("%T", cause))
			fmt.Fprintf(os.Stderr, "%s\n\n%s", err, trail)
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	}()
	var reservation struct {
		Product  string
		Quantity int64
	}
	if err := json.NewDecoder(r.Body).Decode(&reservation); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, span := i.tracer.Start(ctx, "search the shelves", trace.WithAttributes(attribute.String("shop.product", reservation.Product)))
	if reservation.Product == "tea" {
		time.Sleep(slowReservation)
		i.plain.Printf("WARN searched %s for %s", slowReservation, reservation.Product)
	}
	span.End()
	i.take(reservation.Product, reservation.Quantity)
	i.log.DebugContext(ctx, "reserved", "product", reservation.Product, "quantity", reservation.Quantity)
	i.plain.Printf("INFO reserved %d %s", reservation.Quantity, reservation.Product)
	w.WriteHeader(http.StatusCreated)
}

func (i *inventory) take(product string, quantity int64) {
	var shelf *inventory
	if product != "ghost" {
		shelf = i
	}
	shelf.mu.Lock() // there is no shelf for the ghost: a nil pointer, as it happens
	defer shelf.mu.Unlock()
	shelf.reserved[product] += quantity
	shelf.taken.Inc()
}
