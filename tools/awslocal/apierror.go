package awslocal

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"

	"github.com/fxamacker/cbor/v2"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// protocol is how a service's requests, responses and errors look on the wire.
type protocol int

const (
	// awsJSON is AWS JSON 1.0 and 1.1: CloudWatch Logs, and CloudWatch for older SDKs.
	awsJSON protocol = iota
	// restJSON is X-Ray's.
	restJSON
	// awsQuery is form in, XML out: STS, and CloudWatch for older SDKs.
	awsQuery
	// rpcV2CBOR is CloudWatch's for current SDKs.
	rpcV2CBOR
	// otlpHTTP answers errors with a google.rpc.Status in the encoding of the request.
	otlpHTTP
)

// apiError is an error answer. Code is the name of the error's shape, as JSON protocols write it.
type apiError struct {
	Code    string
	Message string
	Status  int
	// QueryCode is the name in the Query protocol where it is another one.
	QueryCode string
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// clientError is a 400.
func clientError(code, format string, args ...any) *apiError {
	return &apiError{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}

func (e *apiError) queryCode() string {
	if e.QueryCode != "" {
		return e.QueryCode
	}
	return e.Code
}

// write sends e as a client of the call's protocol expects it.
func (e *apiError) write(w http.ResponseWriter, c *call) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", c.requestID)
	switch c.protocol {
	case awsJSON:
		h.Set("Content-Type", c.contentType)
		if c.queryMode {
			h.Set("X-Amzn-Query-Error", e.queryCode()+";Sender")
		}
		writeBody(w, e.Status, mustJSON(map[string]string{"__type": e.Code, "message": e.Message}))
	case restJSON:
		h.Set("Content-Type", "application/json")
		h.Set("X-Amzn-Errortype", e.Code)
		writeBody(w, e.Status, mustJSON(map[string]string{"message": e.Message}))
	case rpcV2CBOR:
		h.Set("Content-Type", "application/cbor")
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
		if c.queryMode {
			h.Set("X-Amzn-Query-Error", e.queryCode()+";Sender")
		}
		body, err := cbor.Marshal(map[string]string{"__type": e.Code, "message": e.Message})
		if err != nil {
			panic(err) // a map of strings always encodes
		}
		writeBody(w, e.Status, body)
	case awsQuery:
		h.Set("Content-Type", "text/xml")
		body, err := xml.Marshal(queryError{
			Type: "Sender", Code: e.queryCode(), Message: e.Message, RequestID: c.requestID, Namespace: c.xmlNamespace,
		})
		if err != nil {
			panic(err) // strings always encode
		}
		writeBody(w, e.Status, body)
	case otlpHTTP:
		h.Set("X-Amzn-Errortype", e.Code)
		st := &status.Status{Code: int32(rpcCode(e.Status)), Message: e.Message}
		var body []byte
		var err error
		if c.contentType == contentTypeJSON {
			body, err = protojson.Marshal(st)
			h.Set("Content-Type", contentTypeJSON)
		} else {
			body, err = proto.Marshal(st)
			h.Set("Content-Type", contentTypeProtobuf)
		}
		if err != nil {
			panic(err) // the message is made valid UTF-8 by its writers
		}
		writeBody(w, e.Status, body)
	}
}

// queryError is the error document of the Query protocol.
type queryError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// rpcCode maps an HTTP status to the code that a gRPC server would answer.
func rpcCode(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	default:
		return codes.Unknown
	}
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	// A client that went away is not the endpoint's concern.
	_, _ = w.Write(body)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only values of this package's own types are passed
	}
	return b
}
