package faults

import (
	"cmp"
	"fmt"
	"path"
	"time"
)

// Result is what one cell measured.
type Result struct {
	Signal   string `json:"signal"`
	Exporter string `json:"exporter"`
	Delivery string `json:"delivery"`
	Fault    string `json:"fault"`
	// Accepted are the good records that Kyma's gateway took, Acknowledged those of them that the collector answered for,
	// Refused those that Kyma's gateway gave up on, by the collector's answer or its own limits.
	Accepted     int `json:"accepted"`
	Acknowledged int `json:"acknowledged"`
	Refused      int `json:"refused"`
	// Stored are the accepted records that AWS holds, Lost those that it does not hold; LostAcknowledged are those of the
	// lost that the collector had acknowledged. Duplicated are the times beyond the first that AWS holds a record.
	Stored           int `json:"stored"`
	Lost             int `json:"lost"`
	LostAcknowledged int `json:"lostAcknowledged"`
	Duplicated       int `json:"duplicated"`
	// Bound is how many records the cell may lose, AtLeast how many it must: a control that loses less shows that losses are
	// not seen.
	Bound   int `json:"bound"`
	AtLeast int `json:"atLeast,omitempty"`
	// Poison are the records sent that AWS cannot take, PoisonStored those that it took all the same.
	Poison       int `json:"poison,omitempty"`
	PoisonStored int `json:"poisonStored,omitempty"`
	// Named is what the collector's own metrics and log, and Kyma's gateway, tell of what did not arrive.
	Named []string `json:"named,omitempty"`
	// Notes are what happened on the way that is no failure.
	Notes []string `json:"notes,omitempty"`
	// Again is how many requests the collector still sent when all good records were stored: poison that blocks a queue.
	Again int `json:"again,omitempty"`
	// Hits are the requests to AWS that met the fault.
	Hits int `json:"hits,omitempty"`
	// Reason says why the bound is not 0, or why the cell was skipped.
	Reason string `json:"reason,omitempty"`
	// Skipped is whether the cell could not be run on this machine; it then proves nothing.
	Skipped bool `json:"skipped,omitempty"`
	// Pass is whether the cell meets its bound; Failure says why it does not.
	Pass    bool   `json:"pass"`
	Failure string `json:"failure,omitempty"`
	// Seconds is how long the cell took, Started when, Machine where.
	Seconds float64   `json:"seconds"`
	Started time.Time `json:"started"`
	Machine string    `json:"machine"`
}

func (r Result) name() string {
	return path.Join(r.Signal, r.Exporter, r.Delivery, r.Fault)
}

// judge holds a result to its cell's bound. Exposed is how many records were accepted before the fault ended, rejected how
// many AWS itself rejected in a fault of that kind.
func (r *Result) judge(cell Cell, exposed, rejected int) {
	known := exceptionOf(cell)
	r.Reason = known.reason
	switch {
	case cell.Delivery == Reference:
		r.Bound, r.AtLeast = r.Accepted, (r.Accepted+1)/2
		r.Reason = "the control: it must lose at least half, or the harness would not see losses"
	case known.meets == whatMeetsTheFault:
		r.Bound = exposed
	case known.meets == whatAWSRejects:
		r.Bound = rejected
	}
	unnamed := r.Poison - r.PoisonStored
	if len(r.Named) > 0 || known.meets == poisonUntold {
		unnamed = 0
	}
	switch {
	case r.Accepted == 0:
		r.Failure = "nothing was sent"
	case r.Lost > r.Bound:
		r.Failure = fmt.Sprintf("%d of %d lost, %d of them acknowledged by the collector; at most %d may be", r.Lost, r.Accepted, r.LostAcknowledged, r.Bound)
	case r.Lost < r.AtLeast:
		r.Failure = fmt.Sprintf("%d of %d lost: a control that does not lose %d does not show that losses are seen", r.Lost, r.Accepted, r.AtLeast)
	case unnamed > 0:
		r.Failure = fmt.Sprintf("%d records that AWS cannot take are gone, and neither the collector's metrics nor its log tell", unnamed)
	case r.Again > 0:
		r.Failure = fmt.Sprintf("the collector is not at rest: %d further requests after all good records were stored", r.Again)
	}
	r.Pass = r.Failure == ""
}

// An exception is a bound other than "nothing lost, and what AWS cannot take is told".
type exception struct {
	// cells is a pattern of path.Match for the names of cells.
	cells string
	meets allowance
	// reason is the proof, from the component's source, and what to do instead.
	reason string
}

// allowance is what a cell may lose.
type allowance int

const (
	_ allowance = iota // nothing
	// whatMeetsTheFault is all that was accepted before the fault ended, and nothing after it.
	whatMeetsTheFault
	// whatAWSRejects is what AWS names as not stored in a 200.
	whatAWSRejects
	// poisonUntold is nothing, but nobody tells what became of the poison.
	poisonUntold
)

const (
	otlpRetries = "otlp_http tries again what is answered 429, 502, 503 or 504 and drops everything else (otlphttpexporter, otlp.go, " +
		"isRetryableStatusCode), as the OTLP specification demands"
	emfPermanent = "awsemf reports every error that is not the server's own as permanent (awsemfexporter, emf_exporter.go, " +
		"wrapErrorIfBadRequest), and the queue drops what failed for good"
	queueSkips = "the queue leaves out, without a word, what it cannot mark as read on a full disk (exporterhelper, persistent_queue.go, " +
		"getNextItem); the chart's queues are full before their volume is, see volume-full"
	quotaUsedUp = "the SDK's quota of 500 tokens for retries is used up by minutes of throttling (aws-sdk-go-v2, aws/retry/middleware.go), and " +
		"awsxray then reports it as permanent (wrapErrorIfBadRequest): exporter otlp does not, and queued it takes longer, as fewer requests are tried"
	gatewayGivesUp = "Kyma's gateway drops what it has tried to send for 300 s (telemetry-manager, retry_on_failure): delivery queued keeps it"
	xrayIgnores    = "awsxray does not look at the answer of PutTraceSegments (awsxrayexporter, awsxray.go): exporter otlp does"
)

// exceptions is the one list of what ADOT's components make impossible. docs/delivery.md names each.
var exceptions = []exception{
	{"*/otlp/*/500", whatMeetsTheFault, otlpRetries},
	{"*/otlp/*/access-denied", whatMeetsTheFault, otlpRetries},
	{"*/otlp/*/expired-token", whatMeetsTheFault, otlpRetries},
	{"*/otlp/*/partial-success", whatAWSRejects, "OTLP forbids to send again what a partial success rejects; the collector logs how much it was"},
	{"metrics/emf/*/access-denied", whatMeetsTheFault, emfPermanent},
	{"metrics/emf/*/expired-token", whatMeetsTheFault, emfPermanent},
	{"*/*/queued/disk-full", whatMeetsTheFault, queueSkips},
	{"*/*/acknowledged/outage-5m", whatMeetsTheFault, gatewayGivesUp},
	{"traces/xray/acknowledged/throttled-5m", whatMeetsTheFault, quotaUsedUp},
	{"*/*/acknowledged/throttled-5m", whatMeetsTheFault, gatewayGivesUp},
	{"traces/xray/*/unprocessed-segments", whatAWSRejects, xrayIgnores},
	{"traces/xray/*/poison-64kb-segment", poisonUntold, xrayIgnores},
	{"traces/xray/*/poison-200kb-span", poisonUntold, xrayIgnores},
}

func exceptionOf(cell Cell) exception {
	for _, e := range exceptions {
		if match, _ := path.Match(e.cells, cell.String()); match { // the patterns are constants
			return e
		}
	}
	return exception{}
}

// order sorts results as the matrix lists its cells.
func order(matrix []Cell) func(a, b Result) int {
	at := map[string]int{}
	for i, cell := range matrix {
		at[cell.String()] = i + 1
	}
	return func(a, b Result) int { return cmp.Compare(at[a.name()], at[b.name()]) }
}
