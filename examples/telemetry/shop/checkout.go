package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

type checkout struct {
	*grpcService
	*pod
	inventory, shipping *http.Client
	payment             *grpc.ClientConn
	revenue             metric.Float64Counter
}

func newCheckout(p *pod) (service, error) {
	c := &checkout{pod: p, inventory: p.httpClient(Inventory), shipping: p.httpClient(Shipping)}
	var err error
	if c.payment, err = p.grpcClient(Payment); err != nil {
		return nil, err
	}
	if c.revenue, err = p.meter.Float64Counter("shop.revenue", metric.WithUnit("EUR"), metric.WithDescription("What was paid")); err != nil {
		return nil, err
	}
	c.grpcService = newGRPCService("shop.Checkout", "Place", c.place)
	return c, nil
}

func (c *checkout) place(ctx context.Context, request *structpb.Struct) (*structpb.Struct, error) {
	id := request.Fields["product"].GetStringValue()
	quantity := request.Fields["quantity"].GetNumberValue()
	product, found := find(id)
	if !found {
		return nil, status.Errorf(codes.NotFound, "no product %q", id)
	}
	_, span := c.tracer.Start(ctx, "price the order")
	total := product.Price * quantity
	span.SetAttributes(attribute.String("shop.product", id), attribute.Float64("shop.total", total))
	span.AddEvent("priced")
	span.End()

	if err := c.post(ctx, c.inventory, Inventory, "/reservations", map[string]any{"product": id, "quantity": quantity}); err != nil {
		c.log.ErrorContext(ctx, "reservation failed", "product", id, "error", err.Error())
		return nil, status.Error(codes.Internal, err.Error())
	}
	patient, cancel := context.WithTimeout(ctx, paymentPatience)
	defer cancel()
	if _, err := invoke(patient, c.payment, "/shop.Payment/Charge", map[string]any{"product": id, "amount": total}); err != nil {
		return nil, err
	}
	c.revenue.Add(ctx, total, metric.WithAttributes(attribute.String("currency", "EUR")))
	if err := c.post(ctx, c.shipping, Shipping, "/parcels", map[string]any{"product": id}); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return structpb.NewStruct(map[string]any{"total": total})
}

func (c *checkout) post(ctx context.Context, client *http.Client, service, path string, body map[string]any) error {
	ctx, span := c.tracer.Start(ctx, "ask "+service)
	defer span.End()
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host(service)+":"+httpPort+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		err := fmt.Errorf("%s answered %s", service, answer.Status)
		span.RecordError(err)
		span.SetStatus(otelcodes.Error, err.Error())
		return err
	}
	return nil
}
