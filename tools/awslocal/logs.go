package awslocal

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	errCodeAlreadyExists    = "ResourceAlreadyExistsException"
	errCodeNotFound         = "ResourceNotFoundException"
	errCodeInvalidParameter = "InvalidParameterException"
)

// logStore is the state of CloudWatch Logs.
type logStore struct {
	groups map[string]*logGroup
	// sequence numbers events, so that those of one timestamp keep their order.
	sequence int64
}

type logGroup struct {
	name      string
	retention int
	class     string
	created   time.Time
	tags      map[string]string
	streams   map[string]*logStream
}

type logStream struct {
	name    string
	created time.Time
	// events is in order of ingestion.
	events []storedEvent
	bytes  int64
}

type storedEvent struct {
	sequence    int64
	timestampMs int64
	ingestedMs  int64
	message     string
	via         string
}

var (
	logGroupPattern  = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]+$`)
	logStreamPattern = regexp.MustCompile(`^[^:*]*$`)
)

// retentionDays are the values of PutRetentionPolicy. Source: CloudWatch Logs API reference, PutRetentionPolicy.
var retentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// errConstraint is the validation error that AWS's services word alike.
func errConstraint(value, field, constraint string) *apiError {
	return clientError(errCodeInvalidParameter, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, field, constraint)
}

func checkName(value, field string, longest int, pattern *regexp.Regexp) *apiError {
	switch {
	case value == "":
		return errConstraint(value, field, "Member must have length greater than or equal to 1")
	case utf8.RuneCountInString(value) > longest:
		return errConstraint(value, field, fmt.Sprintf("Member must have length less than or equal to %d", longest))
	case !pattern.MatchString(value):
		return errConstraint(value, field, "Member must satisfy regular expression pattern: "+strings.Trim(pattern.String(), "^$"))
	}
	return nil
}

// create makes the destination and whatever of it exists is left as it is.
func (l *logStore) create(d LogDestination, now time.Time) *apiError {
	if err := l.createGroup(d.Group, "", nil, now); err != nil && err.Code != errCodeAlreadyExists {
		return err
	}
	if d.Stream == "" {
		return nil
	}
	if err := l.createStream(d.Group, d.Stream, now); err != nil && err.Code != errCodeAlreadyExists {
		return err
	}
	return nil
}

func (l *logStore) createGroup(name, class string, tags map[string]string, now time.Time) *apiError {
	if err := checkName(name, "logGroupName", MaxLogGroupName, logGroupPattern); err != nil {
		return err
	}
	if len(tags) > MaxTags {
		return clientError(errCodeInvalidParameter, "1 validation error detected: Value at 'tags' failed to satisfy constraint: Map must have at most %d entries", MaxTags)
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	switch class {
	case "":
		class = "STANDARD"
	case "STANDARD", "INFREQUENT_ACCESS", "DELIVERY":
	default:
		return errConstraint(class, "logGroupClass", "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]")
	}
	if l.groups[name] != nil {
		return clientError(errCodeAlreadyExists, "The specified log group already exists")
	}
	l.groups[name] = &logGroup{name: name, class: class, created: now, tags: maps.Clone(tags), streams: map[string]*logStream{}}
	return nil
}

func (l *logStore) createStream(group, name string, now time.Time) *apiError {
	if err := checkName(group, "logGroupName", MaxLogGroupName, logGroupPattern); err != nil {
		return err
	}
	if err := checkName(name, "logStreamName", MaxLogStreamName, logStreamPattern); err != nil {
		return err
	}
	g, err := l.group(group)
	if err != nil {
		return err
	}
	if g.streams[name] != nil {
		return clientError(errCodeAlreadyExists, "The specified log stream already exists")
	}
	g.streams[name] = &logStream{name: name, created: now}
	return nil
}

func (l *logStore) group(name string) (*logGroup, *apiError) {
	g := l.groups[name]
	if g == nil {
		return nil, clientError(errCodeNotFound, "The specified log group does not exist.")
	}
	return g, nil
}

func (l *logStore) stream(group, name string) (*logGroup, *logStream, *apiError) {
	g, err := l.group(group)
	if err != nil {
		return nil, nil, err
	}
	st := g.streams[name]
	if st == nil {
		return nil, nil, clientError(errCodeNotFound, "The specified log stream does not exist.")
	}
	return g, st, nil
}

func (l *logStore) append(st *logStream, timestampMs int64, now time.Time, message, via string) {
	l.sequence++
	st.events = append(st.events, storedEvent{l.sequence, timestampMs, now.UnixMilli(), message, via})
	st.bytes += int64(len(message)) + LogEventOverheadBytes
}

func (l *logStore) snapshot() []LogGroup {
	groups := make([]LogGroup, 0, len(l.groups))
	for _, name := range slices.Sorted(maps.Keys(l.groups)) {
		g := l.groups[name]
		out := LogGroup{Name: name, RetentionDays: g.retention, Class: g.class, Created: g.created, Tags: maps.Clone(g.tags), Streams: []LogStream{}}
		for _, streamName := range slices.Sorted(maps.Keys(g.streams)) {
			st := g.streams[streamName]
			events := make([]LogEvent, len(st.events))
			for i, e := range st.events {
				events[i] = LogEvent{Timestamp: time.UnixMilli(e.timestampMs).UTC(), IngestionTime: time.UnixMilli(e.ingestedMs).UTC(), Message: e.message, Via: e.via}
			}
			out.Streams = append(out.Streams, LogStream{Name: streamName, Created: st.created, Events: events})
		}
		groups = append(groups, out)
	}
	return groups
}

type empty struct{}

type createLogGroupInput struct {
	LogGroupName  string            `json:"logGroupName"`
	LogGroupClass string            `json:"logGroupClass"`
	Tags          map[string]string `json:"tags"`
}

func createLogGroup(s *Server, c *call, in *createLogGroupInput) (*empty, *apiError) {
	return &empty{}, s.logs.createGroup(in.LogGroupName, in.LogGroupClass, in.Tags, c.now)
}

type createLogStreamInput struct {
	LogGroupName  string `json:"logGroupName"`
	LogStreamName string `json:"logStreamName"`
}

func createLogStream(s *Server, c *call, in *createLogStreamInput) (*empty, *apiError) {
	return &empty{}, s.logs.createStream(in.LogGroupName, in.LogStreamName, c.now)
}

type putRetentionPolicyInput struct {
	LogGroupName    string `json:"logGroupName"`
	RetentionInDays int    `json:"retentionInDays"`
}

func putRetentionPolicy(s *Server, _ *call, in *putRetentionPolicyInput) (*empty, *apiError) {
	if !slices.Contains(retentionDays, in.RetentionInDays) {
		return nil, errConstraint(strconv.Itoa(in.RetentionInDays), "retentionInDays",
			"Member must satisfy enum value set: ["+strings.Trim(strings.ReplaceAll(fmt.Sprint(retentionDays), " ", ", "), "[]")+"]")
	}
	g, err := s.logs.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	g.retention = in.RetentionInDays
	return &empty{}, nil
}

type inputLogEvent struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

type putLogEventsInput struct {
	LogGroupName  string          `json:"logGroupName"`
	LogStreamName string          `json:"logStreamName"`
	LogEvents     []inputLogEvent `json:"logEvents"`
}

type rejectedLogEventsInfo struct {
	TooNewLogEventStartIndex *int `json:"tooNewLogEventStartIndex,omitempty"`
	TooOldLogEventEndIndex   *int `json:"tooOldLogEventEndIndex,omitempty"`
	ExpiredLogEventEndIndex  *int `json:"expiredLogEventEndIndex,omitempty"`
}

type putLogEventsOutput struct {
	NextSequenceToken     string                 `json:"nextSequenceToken"`
	RejectedLogEventsInfo *rejectedLogEventsInfo `json:"rejectedLogEventsInfo,omitempty"`
}

// putLogEvents stores a batch, or refuses it as a whole, or takes it but for events outside the time that the group
// keeps. Sequence tokens are not looked at, as in AWS since 2023; the answer has one, since clients wait for it.
func putLogEvents(s *Server, c *call, in *putLogEventsInput) (*putLogEventsOutput, *apiError) {
	c.items = len(in.LogEvents)
	refuse := func(err *apiError) (*putLogEventsOutput, *apiError) {
		for _, e := range in.LogEvents {
			c.rejected = append(c.rejected, RejectedItem{LogGroup: in.LogGroupName, LogStream: in.LogStreamName,
				Timestamp: time.UnixMilli(e.Timestamp).UTC(), Message: excerpt(e.Message)})
		}
		return nil, err
	}
	if err := checkName(in.LogGroupName, "logGroupName", MaxLogGroupName, logGroupPattern); err != nil {
		return refuse(err)
	}
	if err := checkName(in.LogStreamName, "logStreamName", MaxLogStreamName, logStreamPattern); err != nil {
		return refuse(err)
	}
	switch n := len(in.LogEvents); {
	case n == 0:
		return refuse(errConstraint("[]", "logEvents", "Member must have length greater than or equal to 1"))
	case n > MaxLogEvents:
		return refuse(errConstraint(fmt.Sprintf("%d log events", n), "logEvents", fmt.Sprintf("Member must have length less than or equal to %d", MaxLogEvents)))
	}
	total, earliest, latest := 0, in.LogEvents[0].Timestamp, in.LogEvents[0].Timestamp
	for i, e := range in.LogEvents {
		size := len(e.Message) + LogEventOverheadBytes
		total += size
		switch {
		case e.Message == "":
			return refuse(errConstraint("", fmt.Sprintf("logEvents.%d.member.message", i+1), "Member must have length greater than or equal to 1"))
		case size > MaxLogEventBytes:
			return refuse(clientError(errCodeInvalidParameter, "Log event too large: %d bytes exceeds limit of %d", size, MaxLogEventBytes))
		case i > 0 && e.Timestamp < in.LogEvents[i-1].Timestamp:
			return refuse(clientError(errCodeInvalidParameter, "Log events in a single PutLogEvents request must be in chronological order."))
		}
		earliest, latest = min(earliest, e.Timestamp), max(latest, e.Timestamp)
	}
	if total > MaxPutLogEventsBytes {
		return refuse(clientError(errCodeInvalidParameter, "Upload too large: %d bytes exceeds limit of %d", total, MaxPutLogEventsBytes))
	}
	if latest-earliest > MaxLogEventsSpan.Milliseconds() {
		return refuse(clientError(errCodeInvalidParameter, "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."))
	}
	g, st, err := s.logs.stream(in.LogGroupName, in.LogStreamName)
	if err != nil {
		return refuse(err)
	}

	var info rejectedLogEventsInfo
	emf := c.request.Header.Get("X-Amzn-Logs-Format") == "json/emf"
	for i, e := range in.LogEvents {
		age := s.logEventAge(g, e.Timestamp, c.now)
		switch age {
		case logEventTooOld:
			end := i + 1
			info.TooOldLogEventEndIndex = &end
		case logEventExpired:
			end := i + 1
			info.ExpiredLogEventEndIndex = &end
		case logEventTooNew:
			if info.TooNewLogEventStartIndex == nil {
				start := i
				info.TooNewLogEventStartIndex = &start
			}
		case "":
			s.logs.append(st, e.Timestamp, c.now, e.Message, ViaPutLogEvents)
			s.extractEMF(c, g.name, st.name, e, emf)
			continue
		}
		s.rejections.add(Rejection{Service: serviceLogs, Operation: c.operation, Code: age, Reason: logEventAgeReasons[age], Count: 1,
			Example: excerpt(e.Message), Items: []RejectedItem{{LogGroup: g.name, LogStream: st.name,
				Timestamp: time.UnixMilli(e.Timestamp).UTC(), Message: excerpt(e.Message)}}})
	}
	out := &putLogEventsOutput{NextSequenceToken: fmt.Sprintf("%056d", s.logs.sequence)}
	if info != (rejectedLogEventsInfo{}) {
		out.RejectedLogEventsInfo = &info
	}
	return out, nil
}

// The reasons for which a batch is stored without some of its events, named as PutLogEvents' answer has them.
const (
	logEventTooOld  = "TooOldLogEvent"
	logEventExpired = "ExpiredLogEvent"
	logEventTooNew  = "TooNewLogEvent"
)

var logEventAgeReasons = map[string]string{
	logEventTooOld:  "None of the log events in the batch can be older than 14 days.",
	logEventExpired: "None of the log events in the batch can be older than the retention period of the log group.",
	logEventTooNew:  "None of the log events in the batch can be more than 2 hours in the future.",
}

// logEventAge returns why the group does not take an event of the time, or "".
func (s *Server) logEventAge(g *logGroup, timestampMs int64, now time.Time) string {
	age := now.Sub(time.UnixMilli(timestampMs))
	switch {
	case age > MaxLogEventAge:
		return logEventTooOld
	case g.retention > 0 && age > time.Duration(g.retention)*24*time.Hour:
		return logEventExpired
	case -age > MaxLogEventFuture:
		return logEventTooNew
	}
	return ""
}

type describeLogGroupsInput struct {
	LogGroupNamePrefix  string  `json:"logGroupNamePrefix"`
	LogGroupNamePattern string  `json:"logGroupNamePattern"`
	LogGroupClass       string  `json:"logGroupClass"`
	NextToken           *string `json:"nextToken"`
	Limit               *int    `json:"limit"`
}

type logGroupDescription struct {
	LogGroupName      string `json:"logGroupName"`
	ARN               string `json:"arn"`
	LogGroupARN       string `json:"logGroupArn"`
	LogGroupClass     string `json:"logGroupClass"`
	CreationTime      int64  `json:"creationTime"`
	RetentionInDays   *int   `json:"retentionInDays,omitempty"`
	MetricFilterCount int    `json:"metricFilterCount"`
	StoredBytes       int64  `json:"storedBytes"`
}

type describeLogGroupsOutput struct {
	LogGroups []logGroupDescription `json:"logGroups"`
	NextToken *string               `json:"nextToken,omitempty"`
}

func describeLogGroups(s *Server, _ *call, in *describeLogGroupsInput) (*describeLogGroupsOutput, *apiError) {
	if in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "" {
		return nil, clientError(errCodeInvalidParameter, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	limit, err := pageLimit(in.Limit, MaxDescribeLogs)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.logs.groups)) {
		if strings.HasPrefix(name, in.LogGroupNamePrefix) && strings.Contains(strings.ToLower(name), strings.ToLower(in.LogGroupNamePattern)) &&
			(in.LogGroupClass == "" || in.LogGroupClass == s.logs.groups[name].class) {
			names = append(names, name)
		}
	}
	from, to, next, err := page(len(names), in.NextToken, limit)
	if err != nil {
		return nil, err
	}
	out := &describeLogGroupsOutput{LogGroups: []logGroupDescription{}, NextToken: next}
	for _, name := range names[from:to] {
		g := s.logs.groups[name]
		d := logGroupDescription{LogGroupName: name, ARN: s.logGroupARN(name) + ":*", LogGroupARN: s.logGroupARN(name),
			LogGroupClass: g.class, CreationTime: g.created.UnixMilli()}
		if g.retention > 0 {
			days := g.retention
			d.RetentionInDays = &days
		}
		for _, st := range g.streams {
			d.StoredBytes += st.bytes
		}
		out.LogGroups = append(out.LogGroups, d)
	}
	return out, nil
}

// pageLimit is the page size a client may ask for.
func pageLimit(limit *int, most int) (int, *apiError) {
	switch {
	case limit == nil:
		return most, nil
	case *limit < 1:
		return 0, errConstraint(strconv.Itoa(*limit), "limit", "Member must have value greater than or equal to 1")
	case *limit > most:
		return 0, errConstraint(strconv.Itoa(*limit), "limit", fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
	return *limit, nil
}

func (s *Server) logGroupARN(name string) string {
	return "arn:aws:logs:" + s.config.Region + ":" + s.config.AccountID + ":log-group:" + name
}

// groupName takes the group of a request by its name or its ARN.
func (s *Server) groupName(name, identifier string) (string, *apiError) {
	switch {
	case name != "" && identifier != "":
		return "", clientError(errCodeInvalidParameter, "LogGroupName and LogGroupIdentifier are mutually exclusive parameters.")
	case identifier == "":
		return name, nil
	case !strings.HasPrefix(identifier, "arn:"):
		return identifier, nil
	}
	name, ok := strings.CutPrefix(strings.TrimSuffix(identifier, ":*"), s.logGroupARN(""))
	if !ok {
		return "", clientError(errCodeNotFound, "The specified log group does not exist.")
	}
	return name, nil
}

type describeLogStreamsInput struct {
	LogGroupName        string  `json:"logGroupName"`
	LogGroupIdentifier  string  `json:"logGroupIdentifier"`
	LogStreamNamePrefix string  `json:"logStreamNamePrefix"`
	OrderBy             string  `json:"orderBy"`
	Descending          bool    `json:"descending"`
	NextToken           *string `json:"nextToken"`
	Limit               *int    `json:"limit"`
}

type logStreamDescription struct {
	LogStreamName       string `json:"logStreamName"`
	ARN                 string `json:"arn"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp *int64 `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  *int64 `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   *int64 `json:"lastIngestionTime,omitempty"`
	UploadSequenceToken string `json:"uploadSequenceToken"`
	StoredBytes         int64  `json:"storedBytes"`
}

type describeLogStreamsOutput struct {
	LogStreams []logStreamDescription `json:"logStreams"`
	NextToken  *string                `json:"nextToken,omitempty"`
}

func describeLogStreams(s *Server, _ *call, in *describeLogStreamsInput) (*describeLogStreamsOutput, *apiError) {
	name, err := s.groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g, err := s.logs.group(name)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(in.Limit, MaxDescribeLogs)
	if err != nil {
		return nil, err
	}
	var all []logStreamDescription
	for streamName, st := range g.streams {
		if !strings.HasPrefix(streamName, in.LogStreamNamePrefix) {
			continue
		}
		d := logStreamDescription{LogStreamName: streamName, ARN: s.logGroupARN(name) + ":log-stream:" + streamName,
			CreationTime: st.created.UnixMilli(), UploadSequenceToken: fmt.Sprintf("%056d", s.logs.sequence)}
		if n := len(st.events); n > 0 {
			first, last := st.events[0].timestampMs, st.events[0].timestampMs
			for _, e := range st.events {
				first, last = min(first, e.timestampMs), max(last, e.timestampMs)
			}
			ingested := st.events[n-1].ingestedMs
			d.FirstEventTimestamp, d.LastEventTimestamp, d.LastIngestionTime = &first, &last, &ingested
		}
		all = append(all, d)
	}
	switch in.OrderBy {
	case "", "LogStreamName":
		slices.SortFunc(all, func(a, b logStreamDescription) int { return strings.Compare(a.LogStreamName, b.LogStreamName) })
	case "LastEventTime":
		if in.LogStreamNamePrefix != "" {
			return nil, clientError(errCodeInvalidParameter, "Cannot order by LastEventTime with a logStreamNamePrefix.")
		}
		slices.SortFunc(all, func(a, b logStreamDescription) int {
			return cmp.Or(cmp.Compare(lastEvent(a), lastEvent(b)), strings.Compare(a.LogStreamName, b.LogStreamName))
		})
	default:
		return nil, errConstraint(in.OrderBy, "orderBy", "Member must satisfy enum value set: [LogStreamName, LastEventTime]")
	}
	if in.Descending {
		slices.Reverse(all)
	}
	from, to, next, err := page(len(all), in.NextToken, limit)
	if err != nil {
		return nil, err
	}
	return &describeLogStreamsOutput{LogStreams: append([]logStreamDescription{}, all[from:to]...), NextToken: next}, nil
}

func lastEvent(d logStreamDescription) int64 {
	if d.LastEventTimestamp == nil {
		return 0
	}
	return *d.LastEventTimestamp
}

// eventPosition orders the events of a group: by time, then by ingestion. Tokens carry positions, so that pages stay
// true while a client writes.
type eventPosition struct{ timestampMs, sequence int64 }

func (p eventPosition) compare(q eventPosition) int {
	return cmp.Or(cmp.Compare(p.timestampMs, q.timestampMs), cmp.Compare(p.sequence, q.sequence))
}

func (e storedEvent) position() eventPosition { return eventPosition{e.timestampMs, e.sequence} }

func (p eventPosition) token(direction string) string {
	return fmt.Sprintf("%s/%d-%d", direction, p.timestampMs, p.sequence)
}

func parseEventToken(token string) (direction string, p eventPosition, err *apiError) {
	invalid := clientError(errCodeInvalidParameter, "The specified nextToken is invalid.")
	direction, rest, _ := strings.Cut(token, "/")
	ms, seq, ok := strings.Cut(rest, "-")
	if !ok {
		return "", p, invalid
	}
	var err1, err2 error
	p.timestampMs, err1 = strconv.ParseInt(ms, 10, 64)
	p.sequence, err2 = strconv.ParseInt(seq, 10, 64)
	if err1 != nil || err2 != nil {
		return "", p, invalid
	}
	return direction, p, nil
}

func byPosition(events []storedEvent) []storedEvent {
	sorted := slices.Clone(events)
	slices.SortFunc(sorted, func(a, b storedEvent) int { return a.position().compare(b.position()) })
	return sorted
}

type getLogEventsInput struct {
	LogGroupName       string  `json:"logGroupName"`
	LogGroupIdentifier string  `json:"logGroupIdentifier"`
	LogStreamName      string  `json:"logStreamName"`
	StartTime          *int64  `json:"startTime"`
	EndTime            *int64  `json:"endTime"`
	NextToken          *string `json:"nextToken"`
	Limit              *int    `json:"limit"`
	StartFromHead      bool    `json:"startFromHead"`
}

type outputLogEvent struct {
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
}

type getLogEventsOutput struct {
	Events            []outputLogEvent `json:"events"`
	NextForwardToken  string           `json:"nextForwardToken"`
	NextBackwardToken string           `json:"nextBackwardToken"`
}

// getLogEvents pages through a stream in both directions. At an end it returns the token that it was called with, as AWS
// documents.
func getLogEvents(s *Server, _ *call, in *getLogEventsInput) (*getLogEventsOutput, *apiError) {
	name, err := s.groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	_, st, err := s.logs.stream(name, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(in.Limit, MaxGetLogEvents)
	if err != nil {
		return nil, err
	}
	events := slices.DeleteFunc(byPosition(st.events), func(e storedEvent) bool {
		return in.StartTime != nil && e.timestampMs < *in.StartTime || in.EndTime != nil && e.timestampMs >= *in.EndTime
	})
	forward := in.StartFromHead
	// cursor is the position that the page starts after, or ends before.
	cursor := eventPosition{}
	if in.NextToken != nil {
		direction, p, err := parseEventToken(*in.NextToken)
		if err != nil {
			return nil, err
		}
		forward, cursor = direction == "f", p
		events = slices.DeleteFunc(events, func(e storedEvent) bool {
			if forward {
				return e.position().compare(p) <= 0
			}
			return e.position().compare(p) >= 0
		})
	}
	if !forward {
		slices.Reverse(events)
	}
	events = firstPage(events, limit)
	if !forward {
		slices.Reverse(events)
	}
	out := &getLogEventsOutput{Events: []outputLogEvent{}, NextForwardToken: cursor.token("f"), NextBackwardToken: cursor.token("b")}
	for i, e := range events {
		if i == 0 {
			out.NextBackwardToken = e.position().token("b")
		}
		out.NextForwardToken = e.position().token("f")
		out.Events = append(out.Events, outputLogEvent{e.timestampMs, e.message, e.ingestedMs})
	}
	return out, nil
}

// firstPage returns the events that fit into one answer.
func firstPage(events []storedEvent, limit int) []storedEvent {
	bytes := 0
	for i, e := range events {
		bytes += len(e.message) + LogEventOverheadBytes
		if i == limit || i > 0 && bytes > MaxGetLogEventsBytes {
			return events[:i]
		}
	}
	return events
}

type filterLogEventsInput struct {
	LogGroupName        string   `json:"logGroupName"`
	LogGroupIdentifier  string   `json:"logGroupIdentifier"`
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	StartTime           *int64   `json:"startTime"`
	EndTime             *int64   `json:"endTime"`
	FilterPattern       string   `json:"filterPattern"`
	NextToken           *string  `json:"nextToken"`
	Limit               *int     `json:"limit"`
}

type filteredLogEvent struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

type filterLogEventsOutput struct {
	Events             []filteredLogEvent `json:"events"`
	SearchedLogStreams []struct{}         `json:"searchedLogStreams"`
	NextToken          *string            `json:"nextToken,omitempty"`
}

func filterLogEvents(s *Server, _ *call, in *filterLogEventsInput) (*filterLogEventsOutput, *apiError) {
	name, err := s.groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g, err := s.logs.group(name)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != "" {
		return nil, clientError(errCodeInvalidParameter, "LogStreamNamePrefix and LogStreamNames are mutually exclusive parameters.")
	}
	for _, streamName := range in.LogStreamNames {
		if g.streams[streamName] == nil {
			return nil, clientError(errCodeNotFound, "The specified log stream does not exist.")
		}
	}
	limit, err := pageLimit(in.Limit, MaxGetLogEvents)
	if err != nil {
		return nil, err
	}
	matches, err := parseFilterPattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	var after *eventPosition
	if in.NextToken != nil {
		_, p, err := parseEventToken(*in.NextToken)
		if err != nil {
			return nil, err
		}
		after = &p
	}
	var found []storedEvent
	streamOf := map[int64]string{}
	for streamName, st := range g.streams {
		if len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, streamName) || !strings.HasPrefix(streamName, in.LogStreamNamePrefix) {
			continue
		}
		for _, e := range st.events {
			if in.StartTime != nil && e.timestampMs < *in.StartTime || in.EndTime != nil && e.timestampMs > *in.EndTime ||
				after != nil && e.position().compare(*after) <= 0 || !matches(e.message) {
				continue
			}
			found = append(found, e)
			streamOf[e.sequence] = streamName
		}
	}
	found = byPosition(found)
	events := firstPage(found, limit)
	out := &filterLogEventsOutput{Events: []filteredLogEvent{}, SearchedLogStreams: []struct{}{}}
	for _, e := range events {
		out.Events = append(out.Events, filteredLogEvent{streamOf[e.sequence], e.timestampMs, e.message, e.ingestedMs, fmt.Sprintf("%056d", e.sequence)})
	}
	if n := len(events); n < len(found) {
		token := events[n-1].position().token("f")
		out.NextToken = &token
	}
	return out, nil
}

type tagInput struct {
	ResourceARN  string            `json:"resourceArn"`
	LogGroupName string            `json:"logGroupName"`
	Tags         map[string]string `json:"tags"`
}

// untagInput is apart since UntagLogGroup calls the keys tags.
type untagInput struct {
	ResourceARN  string   `json:"resourceArn"`
	LogGroupName string   `json:"logGroupName"`
	TagKeys      []string `json:"tagKeys"`
	Tags         []string `json:"tags"`
}

type tagsOutput struct {
	Tags map[string]string `json:"tags"`
}

// taggedGroup takes the group by its ARN, with or without the trailing ":*" that DescribeLogGroups shows.
func (s *Server) taggedGroup(arn string) (*logGroup, *apiError) {
	name, ok := strings.CutPrefix(strings.TrimSuffix(arn, ":*"), s.logGroupARN(""))
	if !ok {
		return nil, clientError(errCodeNotFound, "The specified resource does not exist.")
	}
	return s.logs.group(name)
}

// tagKeyPattern is that of TagResource.
var tagKeyPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)

func checkTags(tags map[string]string) *apiError {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if err := checkName(key, "tags", MaxTagKey, tagKeyPattern); err != nil {
			return err
		}
		if utf8.RuneCountInString(tags[key]) > MaxTagValue {
			return errConstraint(tags[key], "tags", fmt.Sprintf("Map value must satisfy constraint: [Member must have length less than or equal to %d]", MaxTagValue))
		}
	}
	return nil
}

func (g *logGroup) tag(tags map[string]string) *apiError {
	if err := checkTags(tags); err != nil {
		return err
	}
	merged := maps.Clone(g.tags)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, tags)
	if len(merged) > MaxTags {
		return clientError("TooManyTagsException", "The resource has too many tags: %d exceeds limit of %d", len(merged), MaxTags)
	}
	g.tags = merged
	return nil
}

func tagLogsResource(s *Server, _ *call, in *tagInput) (*empty, *apiError) {
	g, err := s.taggedGroup(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &empty{}, g.tag(in.Tags)
}

func untagLogsResource(s *Server, _ *call, in *untagInput) (*empty, *apiError) {
	g, err := s.taggedGroup(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(g.tags, key)
	}
	return &empty{}, nil
}

func listTagsForLogsResource(s *Server, _ *call, in *tagInput) (*tagsOutput, *apiError) {
	g, err := s.taggedGroup(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &tagsOutput{Tags: maps.Clone(g.tags)}, nil
}

func tagLogGroup(s *Server, _ *call, in *tagInput) (*empty, *apiError) {
	g, err := s.logs.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return &empty{}, g.tag(in.Tags)
}

func untagLogGroup(s *Server, _ *call, in *untagInput) (*empty, *apiError) {
	g, err := s.logs.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	for _, key := range in.Tags {
		delete(g.tags, key)
	}
	return &empty{}, nil
}

func listTagsLogGroup(s *Server, _ *call, in *tagInput) (*tagsOutput, *apiError) {
	g, err := s.logs.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return &tagsOutput{Tags: maps.Clone(g.tags)}, nil
}
