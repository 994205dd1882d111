package gateway

import (
	"context"
	"maps"
	"sync"
)

// Counts says where the items (spans, datapoints, log records) given to one pipeline are.
// Whenever no Send is under way,
//
//	Entered + Added = Unselected + Filtered + Withheld + Batching + Sent
//	Sent = Queued + Acknowledged + Refused
type Counts struct {
	// Entered items were given to SendTraces, SendMetrics or SendLogs.
	Entered int
	// Added items came of the pipeline's own transform; negative when it removed more than it made.
	Added int
	// Unselected items are not among the pipeline's inputs or namespaces: Kyma would not collect them.
	Unselected int
	// Filtered items were dropped by the pipeline's filter, on purpose.
	Filtered int
	// Withheld datapoints are those that the conversion to delta keeps back: the first point of a series
	// that began before the gateway, and points after a reset.
	Withheld int
	// Batching items wait for their batch to be full or due.
	Batching int
	// Sent items were handed to the exporter: from here on Kyma means to deliver them.
	Sent int
	// Queued items wait in the exporter's queue, for their turn, an answer or the next attempt.
	Queued int
	// Acknowledged items were accepted by the collector.
	Acknowledged int
	// Refused items are lost for good: see Refusals.
	Refused int
	// Refusals counts the refused items by the exporter's own reason.
	Refusals map[string]int
	// Batches is how many requests were handed to the exporter; Attempts how often one was tried.
	Batches, Attempts int
	// LastError is what the last attempt that was not accepted got, also when a later one succeeded.
	LastError string
}

// ledger is a Counts that many goroutines write.
type ledger struct {
	mu      sync.Mutex
	counts  Counts
	changed chan struct{} // closed and renewed with every change
}

func newLedger() *ledger {
	return &ledger{changed: make(chan struct{})}
}

func (l *ledger) change(f func(*Counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.counts)
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *ledger) read() (Counts, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Refusals = maps.Clone(c.Refusals)
	return c, l.changed
}

// settle waits until nothing is in the exporter's queue.
func (l *ledger) settle(ctx context.Context) error {
	for {
		c, changed := l.read()
		if c.Queued == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Counts) refuse(items int, reason error) {
	c.Queued -= items
	c.Refused += items
	if c.Refusals == nil {
		c.Refusals = map[string]int{}
	}
	c.Refusals[reason.Error()] += items
}
