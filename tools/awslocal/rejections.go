package awslocal

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// rejectionLog adds up rejections that are alike.
type rejectionLog struct {
	all []*Rejection
}

// add counts r with an earlier one of the same service, operation, code and reason, or starts a new entry.
func (l *rejectionLog) add(r Rejection) {
	for _, known := range l.all {
		if known.Service == r.Service && known.Operation == r.Operation && known.Code == r.Code && known.Reason == r.Reason {
			known.Count += r.Count
			known.Items = append(known.Items, r.Items[:min(len(r.Items), maxRejectionItems-len(known.Items))]...)
			return
		}
	}
	r.Items = slices.Clone(r.Items[:min(len(r.Items), maxRejectionItems)])
	l.all = append(l.all, &r)
}

func (l *rejectionLog) snapshot() []Rejection {
	out := make([]Rejection, len(l.all))
	for i, r := range l.all {
		out[i] = *r
		out[i].Items = slices.Clone(r.Items)
		for j := range out[i].Items {
			out[i].Items[j].Dims = maps.Clone(r.Items[j].Dims)
		}
	}
	return out
}

// requests returns the counters. s.mu is held.
func (s *Server) requests() []Request {
	out := make([]Request, 0, len(s.counts))
	for _, n := range s.counts {
		r := *n
		r.Errors = maps.Clone(n.Errors)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Request) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Operation, b.Operation))
	})
	return out
}
