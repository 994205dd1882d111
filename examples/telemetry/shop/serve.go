package shop

import (
	"context"
	"errors"
	"net"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

// metricsPath is where Prometheus scrapes; scrapes are not traced.
const metricsPath = "/metrics"

// httpService is a service that speaks HTTP.
type httpService struct{ server http.Server }

func newHTTPService(routes map[string]http.HandlerFunc) *httpService {
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.Handle(pattern, handler)
	}
	// The mux is inside, so that the route is known when the span ends.
	return &httpService{server: http.Server{Handler: otelhttp.NewHandler(mux, "request",
		otelhttp.WithFilter(func(r *http.Request) bool { return r.URL.Path != metricsPath }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			if r.Pattern != "" {
				return r.Pattern
			}
			return r.Method
		}))}}
}

func (s *httpService) serve(l net.Listener) error {
	if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *httpService) stop(ctx context.Context) error { return s.server.Shutdown(ctx) }

// call is a gRPC method; a Struct on both sides spares generated code.
type call func(context.Context, *structpb.Struct) (*structpb.Struct, error)

// grpcService is a service that speaks gRPC and has one method.
type grpcService struct{ server *grpc.Server }

func newGRPCService(name, method string, do call) *grpcService {
	server := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler()))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: name,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: method,
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				request := &structpb.Struct{}
				if err := decode(request); err != nil {
					return nil, err
				}
				return do(ctx, request)
			},
		}},
	}, nil)
	return &grpcService{server: server}
}

func (s *grpcService) serve(l net.Listener) error { return s.server.Serve(l) }

func (s *grpcService) stop(context.Context) error {
	s.server.GracefulStop()
	return nil
}

func invoke(ctx context.Context, c *grpc.ClientConn, method string, request map[string]any) (map[string]any, error) {
	in, err := structpb.NewStruct(request)
	if err != nil {
		return nil, err
	}
	out := &structpb.Struct{}
	if err := c.Invoke(ctx, method, in, out); err != nil {
		return nil, err
	}
	return out.AsMap(), nil
}
