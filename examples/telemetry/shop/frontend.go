package shop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Order is the body of POST /orders.
type Order struct {
	Product  string `json:"product"`
	Customer string `json:"customer"`
	Quantity int    `json:"quantity"`
}

type frontend struct {
	*httpService
	*pod
	inventory *http.Client
	checkout  *grpc.ClientConn

	orders   metric.Int64Counter
	value    metric.Float64Histogram
	inFlight metric.Int64UpDownCounter
}

func newFrontend(p *pod) (service, error) {
	f := &frontend{pod: p, inventory: p.httpClient(Inventory)}
	var err error
	if f.checkout, err = p.grpcClient(Checkout); err != nil {
		return nil, err
	}
	if f.orders, err = p.meter.Int64Counter("shop.orders", metric.WithUnit("{order}"), metric.WithDescription("Orders by how they ended")); err != nil {
		return nil, err
	}
	if f.value, err = p.meter.Float64Histogram("shop.order.value", metric.WithUnit("EUR"), metric.WithDescription("What an order is worth"),
		metric.WithExplicitBucketBoundaries(5, 10, 25, 50, 100, 1000, 100000)); err != nil {
		return nil, err
	}
	if f.inFlight, err = p.meter.Int64UpDownCounter("shop.orders.in_flight", metric.WithUnit("{order}"), metric.WithDescription("Orders being placed")); err != nil {
		return nil, err
	}
	f.httpService = newHTTPService(map[string]http.HandlerFunc{
		"GET /products/{id}": f.product,
		"POST /orders":       f.order,
	})
	return f, nil
}

func (f *frontend) product(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+host(Inventory)+":"+httpPort+"/stock/"+r.PathValue("id"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer, err := f.inventory.Do(request)
	if err != nil {
		f.log.ErrorContext(r.Context(), "the inventory does not answer", "error", err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func (f *frontend) order(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	f.inFlight.Add(ctx, 1)
	defer f.inFlight.Add(ctx, -1)
	var order Order
	if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	began := time.Now()
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("shop.product", order.Product), attribute.String("enduser.id", order.Customer))
	answer, err := invoke(ctx, f.checkout, "/shop.Checkout/Place", map[string]any{
		"product": order.Product, "customer": order.Customer, "quantity": order.Quantity,
	})
	outcome := "placed"
	if err != nil {
		outcome = status.Code(err).String()
	}
	f.orders.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
	took := time.Since(began)
	switch {
	case err == nil:
		total, _ := answer["total"].(float64)
		f.value.Record(ctx, total, metric.WithAttributes(attribute.String("product", order.Product)))
		product, _ := find(order.Product)
		f.log.InfoContext(ctx, fmt.Sprintf("Bestellung für %s: %d × %s", order.Customer, order.Quantity, product.Name),
			"product", order.Product, "quantity", order.Quantity, "total", total, "took_ms", took.Milliseconds())
		w.WriteHeader(http.StatusCreated)
	case status.Code(err) == codes.FailedPrecondition:
		f.log.WarnContext(ctx, "order declined", "product", order.Product, "reason", status.Convert(err).Message())
		http.Error(w, status.Convert(err).Message(), http.StatusPaymentRequired)
	case status.Code(err) == codes.NotFound:
		http.Error(w, status.Convert(err).Message(), http.StatusNotFound)
	default:
		f.log.ErrorContext(ctx, "order failed", "product", order.Product, "code", outcome, "error", err.Error())
		http.Error(w, status.Convert(err).Message(), http.StatusInternalServerError)
	}
}
