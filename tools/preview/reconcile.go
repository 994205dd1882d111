package preview

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// balance is the outcome of comparing a signal's ledger with what AWS holds.
type balance struct {
	sent, arrived, duplicated, unexpected int
	// logOnly counts datapoints that arrived as fields of log events only.
	logOnly int
	// lost are the items that AWS does not hold, by the reason as far as it can be told from the items themselves.
	lost []missing
	// changed are reasons about items that arrived otherwise than they were sent.
	changed []Reason
}

// missing is an item that was sent and is not stored.
type missing struct {
	// why and source explain it; both are empty when the items alone do not tell.
	why, source string
	example     string
}

// reconcileSpans compares by trace and span id, as multisets.
func (l *ledger) reconcileSpans(snapshot awslocal.Snapshot) balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := balance{sent: l.spanCount}
	stored := make(map[spanID]int, len(snapshot.Spans))
	for _, span := range snapshot.Spans {
		stored[spanID{span.TraceID, span.SpanID}] += max(1, span.Stored)
	}
	for id, times := range stored {
		sent := l.spans[id]
		switch {
		case sent == nil:
			b.unexpected += times
		case times >= sent.count:
			b.arrived += sent.count
			b.duplicated += times - sent.count
		default:
			b.arrived += times
		}
	}
	if b.arrived == b.sent {
		return b
	}
	refused := refusals(snapshot, "xray", func(item awslocal.RejectedItem) spanID { return spanID{item.TraceID, item.SpanID} })
	for id, sent := range l.spans {
		for range sent.count - min(sent.count, stored[id]) {
			item := missing{example: fmt.Sprintf("%s, %q of %s", id, sent.name, orUnnamed(sent.service))}
			if sent.count > 1 && stored[id] > 0 {
				item.why, item.source = fmt.Sprintf("the same trace and span id came %d times; X-Ray holds one", sent.count), "preview"
			} else if by, ok := refused[id]; ok {
				item.why, item.source = by, "aws"
			}
			b.lost = append(b.lost, item)
		}
	}
	sort.Slice(b.lost, func(i, j int) bool { return b.lost[i].example < b.lost[j].example })
	return b
}

// refusals maps what AWS refused, or dropped without a word, to its reason, for a service.
func refusals[K comparable](snapshot awslocal.Snapshot, service string, key func(awslocal.RejectedItem) K) map[K]string {
	reasons := map[K]string{}
	for _, rejection := range snapshot.Rejections {
		if rejection.Service != service {
			continue
		}
		for _, item := range rejection.Items {
			if _, known := reasons[key(item)]; !known {
				reasons[key(item)] = rejectionText(rejection)
			}
		}
	}
	return reasons
}

func rejectionText(r awslocal.Rejection) string {
	how := "refused it"
	if r.Silent {
		how = "took it without a word and dropped it"
	}
	return fmt.Sprintf("AWS (%s) %s: %s: %s", r.Operation, how, r.Code, r.Reason)
}

func orUnnamed(name string) string {
	if name == "" {
		return "an unnamed service"
	}
	return name
}

// pointKey gathers the datapoints that can be one another's: same metric, same millisecond.
type pointKey struct {
	name   string
	timeMs int64
}

// metricRules are what the collector's configuration does to the identity of datapoints.
type metricRules struct {
	// detailedSummaries is whether awsemf writes a metric for each part of a summary (detailed_metrics).
	detailedSummaries bool
	// rewritten are the attributes that processors set: their values are not those that were sent.
	rewritten map[string]bool
}

// reconcilePoints compares datapoints by metric name, time, attributes and resource, as multisets.
//
// What is stored may have fewer fields than were sent (the exporter drops the resource unless told otherwise, processors
// delete) and more (processors insert), but no field with another value. Among all pairs without a contradiction, those
// with the fewest differences are taken first.
func (l *ledger) reconcilePoints(snapshot awslocal.Snapshot, on metricRules) balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := map[string]bool{}
	for _, point := range l.points {
		names[point.name] = true
		if on.detailedSummaries && point.kind == pmetric.MetricTypeSummary {
			names[point.name+"_count"], names[point.name+"_sum"] = true, true
		}
	}
	stored := map[pointKey][]*storedPoint{}
	derived := map[string]bool{} // metrics that awsemf makes of a summary beside the one that stands for it
	for _, point := range l.points {
		if on.detailedSummaries && point.kind == pmetric.MetricTypeSummary {
			derived[point.name], derived[point.name+"_sum"] = true, true
		}
	}
	for _, point := range storedPoints(snapshot, names) {
		if point.declared && !point.extracted {
			continue // a log event that CloudWatch makes no metric of
		}
		stored[pointKey{point.name, point.timeMs}] = append(stored[pointKey{point.name, point.timeMs}], point)
	}
	sent := map[pointKey][]*sentPoint{}
	for _, point := range l.points {
		name := point.name
		if on.detailedSummaries && point.kind == pmetric.MetricTypeSummary {
			name += "_count"
		}
		sent[pointKey{name, point.timeMs}] = append(sent[pointKey{name, point.timeMs}], point)
	}

	b := balance{sent: len(l.points)}
	winners := map[pointKey][]*sentPoint{}
	var left []*sentPoint
	for key, points := range sent {
		candidates := stored[key]
		if key.timeMs == 0 {
			continue
		}
		found, unmatched := match(points, candidates, on.rewritten)
		for _, pair := range found {
			b.arrived++
			if !pair.stored.declared {
				b.logOnly++
			}
			winners[key] = append(winners[key], pair.sent)
		}
		left = append(left, unmatched...)
		delete(sent, key)
	}
	// Datapoints without a time were stored under the time of export, whichever it was.
	for key, points := range sent {
		var candidates []*storedPoint
		for other, some := range stored {
			if other.name == key.name {
				candidates = append(candidates, some...)
			}
		}
		found, unmatched := match(points, candidates, on.rewritten)
		b.arrived += len(found)
		left = append(left, unmatched...)
	}
	for key, points := range stored {
		for _, point := range points {
			switch {
			case point.times == 0:
			case derived[point.name] && !wasSentAs(l.points, point.name):
			case sameSeriesWon(winners[key], point, on.rewritten):
				b.duplicated += point.times
			case names[point.name] || point.extracted:
				b.unexpected += point.times
			}
		}
	}
	b.lost = l.explainPoints(left, winners, snapshot)
	return b
}

// wasSentAs tells whether a metric of this name is no summary.
func wasSentAs(points []*sentPoint, name string) bool {
	return slices.ContainsFunc(points, func(p *sentPoint) bool { return p.name == name && p.kind != pmetric.MetricTypeSummary })
}

// sameSeriesWon tells whether a stored datapoint is one more of a series that has its arrival already.
func sameSeriesWon(winners []*sentPoint, point *storedPoint, rewritten map[string]bool) bool {
	return slices.ContainsFunc(winners, func(winner *sentPoint) bool {
		for key, value := range point.fields {
			have, ok := winner.labels[key]
			if !ok {
				have, ok = winner.resource[key]
			}
			if ok && have != value && !rewritten[key] {
				return false
			}
		}
		return true
	})
}

// pair is a datapoint that was sent with the stored one that it became.
type pair struct {
	sent   *sentPoint
	stored *storedPoint
}

// match pairs sent and stored datapoints of one key and lowers times of the stored ones by what was taken. Datapoints are
// grouped by which fields they have, so that the work is nearly linear for many series of one shape.
func match(points []*sentPoint, candidates []*storedPoint, rewritten map[string]bool) (found []pair, unmatched []*sentPoint) {
	type shape struct{ labels, resource string }
	sentShapes := map[shape][]*sentPoint{}
	for _, point := range points {
		s := shape{strings.Join(sortedKeys(point.labels), "\x00"), strings.Join(sortedKeys(point.resource), "\x00")}
		sentShapes[s] = append(sentShapes[s], point)
	}
	storedShapes := map[string][]*storedPoint{}
	for _, candidate := range candidates {
		s := strings.Join(sortedKeys(candidate.fields), "\x00")
		storedShapes[s] = append(storedShapes[s], candidate)
	}
	type plan struct {
		sent            shape
		stored          string
		lacking, beyond int
	}
	var plans []plan
	for s, some := range sentShapes {
		for t, others := range storedShapes {
			p := plan{sent: s, stored: t}
			for key := range some[0].labels {
				if _, ok := others[0].fields[key]; !ok {
					p.lacking++
				}
			}
			for key := range others[0].fields {
				_, label := some[0].labels[key]
				_, resource := some[0].resource[key]
				if !label && !resource {
					p.beyond++
				}
			}
			plans = append(plans, p)
		}
	}
	sort.Slice(plans, func(i, j int) bool {
		a, b := plans[i], plans[j]
		if a.lacking != b.lacking {
			return a.lacking < b.lacking
		}
		if a.beyond != b.beyond {
			return a.beyond < b.beyond
		}
		return a.sent.labels+a.sent.resource+a.stored < b.sent.labels+b.sent.resource+b.stored
	})
	done := map[*sentPoint]bool{}
	for _, p := range plans {
		some, others := sentShapes[p.sent], storedShapes[p.stored]
		var shared []string
		for _, key := range sortedKeys(others[0].fields) {
			_, label := some[0].labels[key]
			_, resource := some[0].resource[key]
			if (label || resource) && !rewritten[key] {
				shared = append(shared, key)
			}
		}
		index := map[string][]*storedPoint{}
		for _, candidate := range others {
			if candidate.times > 0 {
				key := project(shared, candidate.fields, nil)
				index[key] = append(index[key], candidate)
			}
		}
		for _, point := range some {
			if done[point] {
				continue
			}
			key := project(shared, point.labels, point.resource)
			if stored := take(index[key], point); stored != nil {
				done[point] = true
				found = append(found, pair{point, stored})
			}
		}
	}
	for _, point := range points {
		if !done[point] {
			unmatched = append(unmatched, point)
		}
	}
	return found, unmatched
}

// take uses up the stored datapoint that point became, or all parts of it: awsemf splits an exponential histogram of more
// than 100 buckets into several events, whose counts add up.
func take(candidates []*storedPoint, point *sentPoint) *storedPoint {
	var first *storedPoint
	rest := float64(point.count)
	split := point.kind == pmetric.MetricTypeExponentialHistogram && rest > 0
	for _, candidate := range candidates {
		if candidate.times == 0 {
			continue
		}
		if !split || candidate.otlp {
			candidate.times--
			return candidate
		}
		if candidate.count > rest {
			continue
		}
		candidate.times--
		rest -= candidate.count
		if first == nil {
			first = candidate
		}
		if rest == 0 {
			return first
		}
	}
	return nil // what is stored in part only has not arrived
}

func project(keys []string, labels, resource map[string]string) string {
	var out strings.Builder
	for _, key := range keys {
		value, ok := labels[key]
		if !ok {
			value = resource[key]
		}
		out.WriteString(strconv.Quote(value))
	}
	return out.String()
}

// explainPoints tells why datapoints are not in AWS, as far as the datapoints themselves, or AWS, tell.
func (l *ledger) explainPoints(left []*sentPoint, winners map[pointKey][]*sentPoint, snapshot awslocal.Snapshot) []missing {
	if len(left) == 0 {
		return nil
	}
	type refusedPoint struct {
		name   string
		timeMs int64
	}
	key := func(item awslocal.RejectedItem) refusedPoint {
		return refusedPoint{item.Metric, item.Timestamp.UnixMilli()}
	}
	refused := refusals(snapshot, "logs", key)
	for k, why := range refusals(snapshot, "monitoring", key) {
		refused[k] = why
	}
	firstOfSeries := map[string]int64{}
	series := func(p *sentPoint) string { return seriesKey("", p.name, p.labels) }
	for _, point := range l.points {
		if point.cumulative {
			if first, ok := firstOfSeries[series(point)]; !ok || point.timeMs < first {
				firstOfSeries[series(point)] = point.timeMs
			}
		}
	}
	// The winner of a collision may be anywhere among thousands of series: look it up by its labels.
	winnerOf := map[string][]*sentPoint{}
	for key, points := range winners {
		for _, winner := range points {
			k := seriesKey("", key.name, winner.labels) + strconv.FormatInt(key.timeMs, 10)
			winnerOf[k] = append(winnerOf[k], winner)
		}
	}
	lost := make([]missing, 0, len(left))
	for _, point := range left {
		item := missing{example: fmt.Sprintf("%s%s", point.name, labelText(point.labels)), source: "preview"}
		winner := winnerOf[series(point)+strconv.FormatInt(point.timeMs, 10)]
		why, byAWS := refused[refusedPoint{point.name, point.timeMs}]
		switch {
		case byAWS:
			item.why, item.source = why, "aws"
		case point.defect != "":
			item.why = "exporters to CloudWatch drop values that are no finite number: " + point.defect
		case len(winner) > 0:
			item.why = collisionText(point, winner[0])
		case point.cumulative && firstOfSeries[series(point)] == point.timeMs:
			item.why = "awsemf makes deltas of cumulative sums and drops the first point of each series; set `temporality: delta` on the MetricPipeline, or `retain_initial_value_of_delta_metric: true` on the exporter"
		default:
			item.source = ""
		}
		lost = append(lost, item)
	}
	sort.Slice(lost, func(i, j int) bool { return lost[i].example < lost[j].example })
	return lost
}

// collisionText says which resource attributes tell two series apart that the exporter takes for one.
func collisionText(lost, winner *sentPoint) string {
	var apart []string
	for _, key := range sortedKeys(lost.resource) {
		if winner.resource[key] != lost.resource[key] {
			apart = append(apart, key)
		}
	}
	for _, key := range sortedKeys(winner.resource) {
		if _, both := lost.resource[key]; !both {
			apart = append(apart, key)
		}
	}
	if len(apart) == 0 {
		return "awsemf drops duplicates of a series inside one batch: the same datapoint came twice, with the same attributes and resource"
	}
	// One name: what else differs is not the same for all pairs, and would make a reason of each.
	slices.SortStableFunc(apart, func(a, b string) int { return preference(a) - preference(b) })
	return fmt.Sprintf("awsemf drops duplicates of a series inside one batch: two resources share all dimensions and differ in others, such as %[1]s; add %[1]s to the dimensions", apart[0])
}

// preference puts first the attribute that makes the best dimension: readable, and with few values.
func preference(attribute string) int {
	for i, name := range []string{"k8s.pod.name", "service.instance.id", "k8s.container.name", "service.name", "k8s.deployment.name", "k8s.node.name"} {
		if attribute == name {
			return i
		}
	}
	return math.MaxInt32
}

func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	parts := make([]string, 0, len(labels))
	for _, key := range sortedKeys(labels) {
		parts = append(parts, key+"="+strconv.Quote(labels[key]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// truncatedSuffix is how the AWS exporters end an event that they cut (internal/aws/cwlogs, pusher.go).
const truncatedSuffix = "[Truncated...]"

// reconcileLogs compares log records by time, body, trace and span id, as multisets: first with events that are records of
// the exporters, then with events that are the bare body (raw_log, Fluent Bit), then, for records that have no time, with
// events of any time.
func (l *ledger) reconcileLogs(snapshot awslocal.Snapshot) balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := balance{sent: len(l.logs)}
	stored := storedLogs(snapshot)
	free := make(map[*storedLog]bool, len(stored))
	for _, event := range stored {
		free[event] = true
	}
	left := l.logs
	known := map[string]bool{} // what was sent, by all its keys, to tell duplicates from what nobody sent

	pass := func(sentKey func(*sentLog) string, storedKey func(*storedLog) string) {
		index := map[string][]*storedLog{}
		for _, event := range stored {
			if free[event] {
				if key := storedKey(event); key != "" {
					index[key] = append(index[key], event)
				}
			}
		}
		var unmatched []*sentLog
		for _, record := range l.logs {
			if key := sentKey(record); key != "" {
				known[key] = true
			}
		}
		for _, record := range left {
			key := sentKey(record)
			if key == "" || len(index[key]) == 0 {
				unmatched = append(unmatched, record)
				continue
			}
			free[index[key][0]] = false
			index[key] = index[key][1:]
			b.arrived++
		}
		left = unmatched
	}
	structured := func(timeMs int64, body, trace, span string) string {
		return "s" + strconv.FormatInt(timeMs, 10) + "\x00" + trace + "\x00" + span + "\x00" + body
	}
	plain := func(timeMs int64, text string) string { return "p" + strconv.FormatInt(timeMs, 10) + "\x00" + text }
	storedStructured := func(s *storedLog) string {
		if !s.structured {
			return ""
		}
		return structured(s.timeMs, s.body, s.trace, s.span)
	}
	storedPlain := func(s *storedLog) string { return plain(s.timeMs, s.message) }
	pass(func(r *sentLog) string { return structured(r.timeMs, r.body, r.trace, r.span) }, storedStructured)
	pass(func(r *sentLog) string { return plain(r.timeMs, r.text) }, storedPlain)
	timeless := func(key func(*sentLog) string) func(*sentLog) string {
		return func(r *sentLog) string {
			if r.timeMs != 0 {
				return ""
			}
			return key(r)
		}
	}
	pass(timeless(func(r *sentLog) string { return structured(0, r.body, r.trace, r.span) }), func(s *storedLog) string {
		if !s.structured {
			return ""
		}
		return structured(0, s.body, s.trace, s.span)
	})
	pass(timeless(func(r *sentLog) string { return plain(0, r.text) }), func(s *storedLog) string { return plain(0, s.message) })

	cut := map[int64]int{}
	for _, event := range stored {
		if !free[event] {
			continue
		}
		switch {
		case strings.HasSuffix(event.message, truncatedSuffix):
			cut[event.timeMs]++
		case event.emf:
		case known[storedStructured(event)] || known[storedPlain(event)]:
			b.duplicated++
		default:
			b.unexpected++
		}
	}
	type refusedEvent struct {
		timeMs  int64
		message string
	}
	const compared = 64
	refused := refusals(snapshot, "logs", func(item awslocal.RejectedItem) refusedEvent {
		return refusedEvent{item.Timestamp.UnixMilli(), cutText(item.Message, compared)}
	})
	refusedAt := refusals(snapshot, "logs", func(item awslocal.RejectedItem) int64 { return item.Timestamp.UnixMilli() })
	for _, record := range left {
		item := missing{example: fmt.Sprintf("%s (%d bytes) of %s", strconv.Quote(cutText(record.text, 80)), len(record.text), orUnnamed(record.source))}
		why, byAWS := refused[refusedEvent{record.timeMs, cutText(record.text, compared)}]
		if !byAWS {
			why, byAWS = refusedAt[record.timeMs]
		}
		switch {
		case cut[record.timeMs] > 0 && len(record.text) > 100<<10:
			cut[record.timeMs]--
			item.why, item.source = "the AWS exporter cuts a log event at its size limit: the event is stored, but its end is gone and it is no JSON any more; send long records by `exporter: otlp` or make them shorter", "collector"
		case byAWS:
			item.why, item.source = why, "aws"
		case record.text == "":
			item.why, item.source = "CloudWatch Logs takes no empty event, and with raw_log a record with an empty body is one", "preview"
		case strings.HasPrefix(record.body, "unmarshalable:"):
			item.why, item.source = "the body holds NaN or an infinite number, which JSON cannot express: awscloudwatchlogs drops the record", "preview"
		}
		b.lost = append(b.lost, item)
	}
	for _, n := range cut {
		b.unexpected += n
	}
	return b
}

// cutText shortens text to at most n bytes, at a character's border, and says so by an ellipsis.
func cutText(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n] + "…"
}
