package awslocal

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

const (
	contentTypeJSON     = "application/json"
	contentTypeProtobuf = "application/x-protobuf"

	serviceLogs       = "logs"
	serviceXRay       = "xray"
	serviceMonitoring = "monitoring"
	serviceSTS        = "sts"

	targetLogs       = "Logs_20140328."
	targetCloudWatch = "GraniteServiceVersion20100801."
	pathCloudWatch   = "/service/GraniteServiceVersion20100801/operation/"

	versionSTS        = "2011-06-15"
	versionCloudWatch = "2010-08-01"
	xmlSTS            = "https://sts.amazonaws.com/doc/2011-06-15/"
	xmlCloudWatch     = "http://monitoring.amazonaws.com/doc/2010-08-01/"

	// maxRequestBytes bounds what one request can make the endpoint hold, before and after decompression. It is above
	// every limit of limits.go, so that those decide the answer.
	maxRequestBytes = 32 << 20
)

// call is one request on its way through the endpoint.
type call struct {
	request     *http.Request
	requestID   string
	now         time.Time
	service     string
	operation   string
	protocol    protocol
	contentType string
	// queryMode: the client understands the error names of the Query protocol, see X-Amzn-Query-Mode.
	queryMode    bool
	xmlNamespace string
	// wire is the body as sent, body is it decompressed.
	wire, body []byte
	form       url.Values
	who        identity

	// items is how many items the request carries, and rejected which, for Snapshot.Rejections when it fails as a whole.
	items    int
	rejected []RejectedItem
}

// operation serves one API operation.
type operation struct {
	anonymous bool
	serve     func(s *Server, w http.ResponseWriter, c *call) *apiError
}

// unary makes an operation of a function of the decoded input. The function runs under the server's lock.
func unary[In, Out any](f func(s *Server, c *call, in *In) (*Out, *apiError)) operation {
	return operation{serve: func(s *Server, w http.ResponseWriter, c *call) *apiError {
		in := new(In)
		if err := c.decode(in); err != nil {
			return err
		}
		s.mu.Lock()
		out, err := f(s, c, in)
		var body []byte
		if err == nil {
			// Encoded under the lock, since an output may refer to what is stored.
			body = c.encode(out)
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("X-Amzn-Requestid", c.requestID)
		switch c.protocol {
		case rpcV2CBOR:
			h.Set("Content-Type", "application/cbor")
			h.Set("Smithy-Protocol", "rpc-v2-cbor")
		case awsQuery:
			h.Set("Content-Type", "text/xml")
		case restJSON:
			h.Set("Content-Type", contentTypeJSON)
		default:
			h.Set("Content-Type", c.contentType)
		}
		writeBody(w, http.StatusOK, body)
		return nil
	}}
}

var logsOperations = map[string]operation{
	"CreateLogGroup":      unary(createLogGroup),
	"CreateLogStream":     unary(createLogStream),
	"PutLogEvents":        unary(putLogEvents),
	"PutRetentionPolicy":  unary(putRetentionPolicy),
	"DescribeLogGroups":   unary(describeLogGroups),
	"DescribeLogStreams":  unary(describeLogStreams),
	"GetLogEvents":        unary(getLogEvents),
	"FilterLogEvents":     unary(filterLogEvents),
	"TagResource":         unary(tagLogsResource),
	"UntagResource":       unary(untagLogsResource),
	"ListTagsForResource": unary(listTagsForLogsResource),
	"TagLogGroup":         unary(tagLogGroup),
	"UntagLogGroup":       unary(untagLogGroup),
	"ListTagsLogGroup":    unary(listTagsLogGroup),
}

var xrayOperations = map[string]struct {
	name string
	operation
}{
	"/TraceSegments":  {"PutTraceSegments", unary(putTraceSegments)},
	"/TraceSummaries": {"GetTraceSummaries", unary(getTraceSummaries)},
	"/Traces":         {"BatchGetTraces", unary(batchGetTraces)},
}

var cloudWatchOperations = map[string]operation{
	"ListMetrics":   unary(listMetrics),
	"GetMetricData": unary(getMetricData),
}

var stsOperations = map[string]operation{
	"GetCallerIdentity":         unary(getCallerIdentity),
	"AssumeRole":                unary(assumeRole),
	"AssumeRoleWithWebIdentity": anonymous(unary(assumeRoleWithWebIdentity)),
}

var otlpOperations = map[string]struct {
	service, name string
	operation
}{
	"/v1/traces":  {serviceXRay, "OTLP traces", operation{serve: exportTraces}},
	"/v1/logs":    {serviceLogs, "OTLP logs", operation{serve: exportLogs}},
	"/v1/metrics": {serviceMonitoring, "OTLP metrics", operation{serve: exportMetrics}},
}

func anonymous(op operation) operation {
	op.anonymous = true
	return op
}

// route reads the request and finds its operation. The call is never nil, so that an error can be written.
func (s *Server) route(r *http.Request) (*call, operation, *apiError) {
	c := &call{request: r, requestID: newRequestID(), now: s.config.Now(), protocol: restJSON, service: "unknown", operation: "unknown"}
	c.queryMode = r.Header.Get("X-Amzn-Query-Mode") == "true"
	c.contentType = r.Header.Get("Content-Type")
	mediaType, _, _ := mime.ParseMediaType(c.contentType)

	op, known := operation{}, false
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.HasPrefix(target, targetLogs):
		c.service, c.protocol, c.operation = serviceLogs, awsJSON, strings.TrimPrefix(target, targetLogs)
		op, known = logsOperations[c.operation]
	case strings.HasPrefix(target, targetCloudWatch):
		c.service, c.protocol, c.operation = serviceMonitoring, awsJSON, strings.TrimPrefix(target, targetCloudWatch)
		op, known = cloudWatchOperations[c.operation]
	case strings.HasPrefix(r.URL.Path, pathCloudWatch):
		c.service, c.protocol, c.operation = serviceMonitoring, rpcV2CBOR, strings.TrimPrefix(r.URL.Path, pathCloudWatch)
		op, known = cloudWatchOperations[c.operation]
	default:
		if o, ok := otlpOperations[r.URL.Path]; ok {
			c.service, c.protocol, c.operation, c.contentType = o.service, otlpHTTP, o.name, mediaType
			op, known = o.operation, true
		} else if o, ok := xrayOperations[r.URL.Path]; ok {
			c.service, c.protocol, c.operation = serviceXRay, restJSON, o.name
			op, known = o.operation, true
		}
	}

	if err := c.readBody(); err != nil {
		return c, op, err
	}
	if !known && mediaType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(c.body))
		if err != nil {
			return c, op, clientError("MalformedQueryString", "The query string is malformed: %s", err)
		}
		c.form, c.protocol, c.operation = form, awsQuery, form.Get("Action")
		switch form.Get("Version") {
		case versionSTS:
			c.service, c.xmlNamespace = serviceSTS, xmlSTS
			op, known = stsOperations[c.operation]
		case versionCloudWatch:
			c.service, c.xmlNamespace = serviceMonitoring, xmlCloudWatch
			op, known = cloudWatchOperations[c.operation]
		}
		if !known {
			return c, op, clientError("InvalidAction", "The action or operation requested is invalid. Verify that the action is typed correctly: %q is not served here.", c.operation)
		}
	}
	switch {
	case !known:
		return c, op, &apiError{Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: fmt.Sprintf("no such operation here: %s %s (X-Amz-Target %q)", r.Method, r.URL.Path, target)}
	case r.Method != http.MethodPost:
		return c, op, &apiError{Code: "MethodNotAllowedException", Status: http.StatusMethodNotAllowed,
			Message: "the operation is a POST, not a " + r.Method}
	}
	return c, op, nil
}

func (c *call) readBody() *apiError {
	tooLarge := &apiError{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("the request is larger than %d bytes", maxRequestBytes)}
	var err error
	if c.wire, err = io.ReadAll(io.LimitReader(c.request.Body, maxRequestBytes+1)); err != nil {
		return clientError("RequestTimeoutException", "reading the request: %s", err)
	}
	if len(c.wire) > maxRequestBytes {
		return tooLarge
	}
	switch encoding := c.request.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		c.body = c.wire
	case "gzip":
		zr, err := gzip.NewReader(bytes.NewReader(c.wire))
		if err == nil {
			c.body, err = io.ReadAll(io.LimitReader(zr, maxRequestBytes+1))
		}
		if err != nil {
			return clientError(errCodeSerialization, "the body is not gzip as its Content-Encoding says: %s", err)
		}
		if len(c.body) > maxRequestBytes {
			return tooLarge
		}
	default:
		return &apiError{Code: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType,
			Message: "Content-Encoding " + encoding + " is not supported: use gzip or none"}
	}
	return nil
}

const errCodeSerialization = "SerializationException"

// decode reads the body into in. All protocols go by way of JSON, whose lenient scalar types (wireTime, wireInt,
// wireBool) take what each protocol makes of a timestamp, a number or a boolean.
func (c *call) decode(in any) *apiError {
	raw := c.body
	switch c.protocol {
	case rpcV2CBOR:
		mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
		if err != nil {
			panic(err) // the options are constant
		}
		var v any
		if len(raw) > 0 {
			if err := mode.Unmarshal(raw, &v); err != nil {
				return clientError(errCodeSerialization, "the body is not CBOR: %s", err)
			}
		}
		if raw, err = json.Marshal(jsonable(v)); err != nil {
			return clientError(errCodeSerialization, "the body cannot be read: %s", err)
		}
	case awsQuery:
		raw = mustJSON(formTree(c.form))
	}
	if len(bytes.TrimSpace(raw)) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(raw, in); err != nil {
		var typeErr *json.UnmarshalTypeError
		if errors.As(err, &typeErr) {
			return clientError(errCodeSerialization, "%s can not be converted to %s", strings.ToUpper(typeErr.Value), typeErr.Type)
		}
		return clientError(errCodeSerialization, "the body is not JSON: %s", err)
	}
	return nil
}

// jsonable replaces what JSON has no form for: CBOR's timestamps become seconds since the epoch.
func jsonable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = jsonable(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = jsonable(e)
		}
		return v
	case time.Time:
		return float64(v.UnixMilli()) / 1000
	default:
		return v
	}
}

// formTree turns the flat keys of the Query protocol ("Dimensions.member.1.Name") into maps and lists.
func formTree(form url.Values) map[string]any {
	root := map[string]any{}
	for key, values := range form {
		node := root
		parts := strings.Split(key, ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := node[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				node[part] = next
			}
			node = next
		}
		node[parts[len(parts)-1]] = values[0]
	}
	return formLists(root).(map[string]any)
}

func formLists(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if members, ok := m["member"].(map[string]any); ok && len(m) == 1 {
		list := make([]any, 0, len(members))
		for i := 1; ; i++ {
			e, ok := members[strconv.Itoa(i)]
			if !ok {
				return list
			}
			list = append(list, formLists(e))
		}
	}
	for k, e := range m {
		m[k] = formLists(e)
	}
	return m
}

// encode writes out in the call's protocol.
func (c *call) encode(out any) []byte {
	switch c.protocol {
	case rpcV2CBOR:
		body, err := cbor.Marshal(out)
		if err != nil {
			panic(err) // outputs are this package's own types
		}
		return body
	case awsQuery:
		var b bytes.Buffer
		enc := xml.NewEncoder(&b)
		response := xml.StartElement{Name: xml.Name{Local: c.operation + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: c.xmlNamespace}}}
		err := errors.Join(
			enc.EncodeToken(response),
			enc.EncodeElement(out, xml.StartElement{Name: xml.Name{Local: c.operation + "Result"}}),
			enc.EncodeElement(struct {
				RequestID string `xml:"RequestId"`
			}{c.requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}),
			enc.EncodeToken(response.End()),
			enc.Flush(),
		)
		if err != nil {
			panic(err) // outputs are this package's own types
		}
		return b.Bytes()
	default:
		return mustJSON(out)
	}
}

// wireTime is a timestamp: seconds since the epoch in JSON, tag 1 in CBOR, ISO 8601 in Query.
type wireTime struct{ time.Time }

// UnmarshalJSON takes a number of seconds or an ISO 8601 string.
func (t *wireTime) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
	case float64:
		t.Time = time.UnixMilli(int64(v * 1000)).UTC()
	case string:
		parsed, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return err
		}
		t.Time = parsed.UTC()
	default:
		return fmt.Errorf("%s is no timestamp", b)
	}
	return nil
}

// MarshalJSON writes seconds since the epoch.
func (t wireTime) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64), nil
}

// MarshalCBOR writes tag 1 with seconds since the epoch.
func (t wireTime) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: 1, Content: float64(t.UnixMilli()) / 1000})
}

// MarshalText writes ISO 8601.
func (t wireTime) MarshalText() ([]byte, error) {
	return t.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// wireInt is an integer, which the Query protocol writes as a string.
type wireInt int

// UnmarshalJSON takes a number or a string.
func (n *wireInt) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil {
		return err
	}
	*n = wireInt(v)
	return nil
}

// wireBool is a boolean, which the Query protocol writes as a string.
type wireBool bool

// UnmarshalJSON takes a boolean or a string.
func (v *wireBool) UnmarshalJSON(b []byte) error {
	parsed, err := strconv.ParseBool(strings.Trim(string(b), `"`))
	*v = wireBool(parsed)
	return err
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// page returns the slice of n items that a token continues, and the token of the next page.
func page(n int, token *string, limit int) (from, to int, next *string, err *apiError) {
	if token != nil {
		i, convErr := strconv.Atoi(strings.TrimPrefix(*token, "n/"))
		if convErr != nil || i < 0 || !strings.HasPrefix(*token, "n/") {
			return 0, 0, nil, clientError("InvalidParameterException", "The specified nextToken is invalid.")
		}
		from = min(i, n)
	}
	to = min(from+limit, n)
	if to < n {
		t := "n/" + strconv.Itoa(to)
		next = &t
	}
	return from, to, next, nil
}

// excerpt is the start of s, enough to recognise it by.
func excerpt(s string) string {
	const length = 200
	if len(s) <= length {
		return strings.ToValidUTF8(s, "�")
	}
	return strings.ToValidUTF8(s[:length], "�") + "…"
}
