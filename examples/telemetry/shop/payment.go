package shop

import (
	"context"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// payment writes JSON lines to stdout, with the ids of the trace.
type payment struct {
	*grpcService
	*pod
	json     *slog.Logger
	duration metric.Float64Histogram
}

func newPayment(p *pod) (service, error) {
	y := &payment{pod: p, json: slog.New(slog.NewJSONHandler(os.Stdout, nil))}
	var err error
	if y.duration, err = p.meter.Float64Histogram(paymentDuration, metric.WithUnit("s"), metric.WithDescription("How long a payment takes")); err != nil {
		return nil, err
	}
	y.grpcService = newGRPCService("shop.Payment", "Charge", y.charge)
	return y, nil
}

func (y *payment) charge(ctx context.Context, request *structpb.Struct) (*structpb.Struct, error) {
	product, amount := request.Fields["product"].GetStringValue(), request.Fields["amount"].GetNumberValue()
	began := time.Now()
	span := trace.SpanFromContext(ctx)
	line := y.json.With("trace_id", span.SpanContext().TraceID(), "span_id", span.SpanContext().SpanID(), "product", product, "amount", amount)
	outcome := "paid"
	defer func() {
		y.duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
	}()
	switch product {
	case "diamond":
		outcome = "declined"
		err := status.Error(codes.FailedPrecondition, "the card's limit is exceeded")
		recordException(span, err, stack(0))
		line.Warn("payment declined", "reason", "limit")
		return nil, err
	case "yacht":
		time.Sleep(slowPayment)
		line.Error("the bank took too long", "took", time.Since(began).String())
	default:
		line.Info("payment accepted")
	}
	return structpb.NewStruct(map[string]any{"outcome": outcome})
}
