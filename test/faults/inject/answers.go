package inject

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// answer is an error as one of AWS's protocols writes it.
type answer struct {
	status        int
	code, message string
	// rpc is the code in an OTLP answer.
	rpc codes.Code
}

// refuse makes a fault of the answers of each form.
func refuse(answers map[form]answer) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		drain(r)
		form := apiOf(r).form
		answers[form].write(w, r, form)
	}
}

func (a answer) write(w http.ResponseWriter, r *http.Request, form form) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", "00000000-0000-0000-0000-000000000000")
	var body []byte
	var err error
	switch form {
	case awsJSON:
		h.Set("Content-Type", "application/x-amz-json-1.1")
		body, err = json.Marshal(map[string]string{"__type": a.code, "message": a.message})
	case restJSON:
		h.Set("Content-Type", "application/json")
		h.Set("X-Amzn-Errortype", a.code)
		body, err = json.Marshal(map[string]string{"message": a.message})
	case awsQuery:
		h.Set("Content-Type", "text/xml")
		kind := "Sender"
		if a.status >= 500 {
			kind = "Receiver"
		}
		body, err = xml.Marshal(struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Type      string   `xml:"Error>Type"`
			Code      string   `xml:"Error>Code"`
			Message   string   `xml:"Error>Message"`
			RequestID string   `xml:"RequestId"`
		}{Type: kind, Code: a.code, Message: a.message, RequestID: "0"})
	case otlpHTTP:
		h.Set("X-Amzn-Errortype", a.code)
		if r.Header.Get("Content-Type") == "application/json" || a.code == internalFailure {
			// A failure before the service has read the request comes as JSON, whatever the client speaks.
			h.Set("Content-Type", "application/json")
			body, err = json.Marshal(map[string]string{"__type": a.code, "message": a.message})
		} else {
			h.Set("Content-Type", "application/x-protobuf")
			body, err = proto.Marshal(&status.Status{Code: int32(a.rpc), Message: a.message})
		}
	}
	if err != nil {
		panic(err) // of strings
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that went away is not AWS's concern
}

const internalFailure = "InternalFailure"

// Unavailable is HTTP 503, as AWS's front end answers when a service is down.
var Unavailable = refuse(map[form]answer{
	awsJSON:  {503, "ServiceUnavailableException", "The service cannot complete the request.", codes.Unavailable},
	restJSON: {503, "ServiceUnavailableException", "Service is unavailable. Please try again later.", codes.Unavailable},
	awsQuery: {503, "ServiceUnavailable", "Service is unable to handle request.", codes.Unavailable},
	otlpHTTP: {503, "ServiceUnavailableException", "Service is unavailable. Please try again later.", codes.Unavailable},
})

// Throttled is each API's own form of "too many requests": a 400 of CloudWatch Logs' and STS's, a 429 of X-Ray's and the
// OTLP endpoints'.
// Sources: API references of CloudWatch Logs ("ThrottlingException ... HTTP Status Code: 400"), X-Ray ("ThrottledException:
// The request exceeds the maximum number of requests per second. HTTP Status Code: 429") and STS (common errors); OTLP
// specification, "OTLP/HTTP Throttling".
var Throttled = refuse(map[form]answer{
	awsJSON:  {400, "ThrottlingException", "Rate exceeded", codes.ResourceExhausted},
	restJSON: {429, "ThrottledException", "Rate exceeded", codes.ResourceExhausted},
	awsQuery: {400, "Throttling", "Rate exceeded", codes.ResourceExhausted},
	otlpHTTP: {429, "ThrottlingException", "Rate exceeded", codes.ResourceExhausted},
})

// InternalFailure is HTTP 500 with a JSON body ("The request processing has failed because of an unknown error, exception
// or failure. HTTP Status Code: 500", AWS's common errors).
var InternalFailure = refuse(map[form]answer{
	awsJSON:  {500, internalFailure, "The request processing has failed.", codes.Internal},
	restJSON: {500, internalFailure, "The request processing has failed.", codes.Internal},
	awsQuery: {500, internalFailure, "The request processing has failed.", codes.Internal},
	otlpHTTP: {500, internalFailure, "The request processing has failed.", codes.Internal},
})

// AccessDenied is what a policy that lacks a permission causes, or a role that was changed.
var AccessDenied = refuse(map[form]answer{
	awsJSON:  {400, "AccessDeniedException", "User is not authorized to perform this action", codes.PermissionDenied},
	restJSON: {403, "AccessDeniedException", "User is not authorized to perform this action", codes.PermissionDenied},
	awsQuery: {403, "AccessDenied", "User is not authorized to perform this action", codes.PermissionDenied},
	otlpHTTP: {403, "AccessDeniedException", "User is not authorized to perform this action", codes.PermissionDenied},
})

// ExpiredToken is what temporary credentials cause when nobody has renewed them.
var ExpiredToken = refuse(map[form]answer{
	awsJSON:  {400, "ExpiredTokenException", "The security token included in the request is expired", codes.PermissionDenied},
	restJSON: {403, "ExpiredTokenException", "The security token included in the request is expired", codes.PermissionDenied},
	awsQuery: {403, "ExpiredToken", "The security token included in the request is expired", codes.PermissionDenied},
	otlpHTTP: {403, "ExpiredTokenException", "The security token included in the request is expired", codes.PermissionDenied},
})
