package preview

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// evidence is what the collector and the gateway say about a signal.
type evidence struct {
	// refusals counts items that Kyma's gateway gave up on, by its exporter's reason.
	refusals map[string]int
	// drops are what the collector's exporters say they dropped.
	drops []otelcol.Drop
	// filtered counts the items that the collector's processors took out, by processor.
	filtered map[string]int
	// failures are the collector's counters of failures, in words.
	failures []string
	// waiting is whether the collector still had something in its queues at the end.
	waiting bool
}

// settle turns a balance into the report's figures: what was lost gets its reasons, the surest first. A reason that comes
// with a count explains at most so many.
func (a *Account) settle(b balance, e evidence) {
	a.Sent, a.Arrived, a.Duplicated, a.Unexpected = b.sent, b.arrived, b.duplicated, b.unexpected
	reasons := map[Reason]*Reason{}
	add := func(fate Fate, why, source, example string, n int) {
		key := Reason{Fate: fate, Why: why, Source: source}
		r := reasons[key]
		if r == nil {
			r = &Reason{Fate: fate, Why: why, Source: source, Example: example}
			reasons[key] = r
		}
		r.Count += n
	}

	// Concluded items look as if an exporter would drop them, which it has no chance to when a processor did so before.
	var unknown, concluded []missing
	for _, item := range b.lost {
		switch {
		case item.why == "":
			unknown = append(unknown, item)
		case item.source == "preview":
			concluded = append(concluded, item)
		default:
			a.Lost++
			add(FateLost, item.why, item.source, item.example, 1)
		}
	}
	explain := func(fate Fate, why, source string, atMost int) (left int) {
		n := min(atMost, len(unknown))
		if n <= 0 {
			return atMost
		}
		if fate == FateFiltered {
			a.Filtered += n
		} else {
			a.Lost += n
		}
		add(fate, why, source, unknown[0].example, n)
		unknown = unknown[n:]
		return atMost - n
	}
	for _, why := range sortedKeys(e.refusals) {
		explain(FateLost, "Kyma's gateway gave up sending: "+why, "kyma", e.refusals[why])
	}
	for _, d := range mergeDrops(e.drops) {
		why := fmt.Sprintf("exporter %s dropped it: %s", d.Component, d.Why)
		if d.Interrupted {
			why = fmt.Sprintf("it was still in the collector's queue when the time was over (see --timeout): exporter %s tries again and again: %s", d.Component, d.Why)
		}
		explain(FateLost, why, "collector", d.Count)
	}
	for _, processor := range sortedKeys(e.filtered) {
		why := fmt.Sprintf("processor %s of the collector's configuration drops it", processor)
		left := explain(FateFiltered, why, "collector", e.filtered[processor])
		for ; left > 0 && len(concluded) > 0; left-- {
			a.Filtered++
			add(FateFiltered, why, "collector", concluded[0].example, 1)
			concluded = concluded[1:]
		}
	}
	for _, item := range concluded {
		a.Lost++
		add(FateLost, item.why, item.source, item.example, 1)
	}
	switch {
	case e.waiting:
		explain(FateLost, withFailures("it was still in the collector's queue when the time was over (see --timeout)", e.failures), "collector", len(unknown))
	default:
		explain(FateLost, withFailures("neither AWS nor the collector tells why", e.failures), "preview", len(unknown))
	}
	for _, r := range b.changed {
		add(r.Fate, r.Why, r.Source, r.Example, r.Count)
	}
	if b.duplicated > 0 {
		add(FateDuplicated, "AWS got it more than once: a request was sent again although some of it, or all, had been stored", "preview", "", b.duplicated)
	}
	for _, r := range reasons {
		a.Reasons = append(a.Reasons, *r)
	}
	sortReasons(a.Reasons)
}

func withFailures(text string, failures []string) string {
	if len(failures) == 0 {
		return text
	}
	return text + "; " + strings.Join(failures, ", ")
}

// mergeDrops adds up what an exporter dropped for one and the same reason. What the end of the collector interrupted is of
// one reason, the most frequent: the last attempts fail because the end has begun.
func mergeDrops(list []otelcol.Drop) []otelcol.Drop {
	var merged []otelcol.Drop
	add := func(d otelcol.Drop, same func(otelcol.Drop) bool) {
		i := slices.IndexFunc(merged, func(m otelcol.Drop) bool {
			return m.Component == d.Component && m.Interrupted == d.Interrupted && same(m)
		})
		if i < 0 {
			merged = append(merged, d)
		} else {
			merged[i].Count += d.Count
		}
	}
	for _, d := range list {
		add(d, func(m otelcol.Drop) bool { return m.Why == d.Why })
	}
	slices.SortStableFunc(merged, func(a, b otelcol.Drop) int { return cmp.Compare(b.Count, a.Count) })
	list, merged = merged, nil
	for _, d := range list {
		add(d, func(m otelcol.Drop) bool { return m.Interrupted || m.Why == d.Why })
	}
	return merged
}

func sortReasons(reasons []Reason) {
	order := []Fate{FateLost, FateDuplicated, FateChanged, FateFiltered, FateWithheld}
	sort.SliceStable(reasons, func(i, j int) bool {
		a, b := reasons[i], reasons[j]
		if a.Fate != b.Fate {
			return slices.Index(order, a.Fate) < slices.Index(order, b.Fate)
		}
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		return a.Why < b.Why
	})
}

// withhold notes what Kyma's gateway kept back.
func (a *Account) withhold(n int, why string) {
	if n <= 0 {
		return
	}
	a.Withheld += n
	a.Reasons = append(a.Reasons, Reason{Fate: FateWithheld, Count: n, Why: why, Source: "kyma"})
	sortReasons(a.Reasons)
}
