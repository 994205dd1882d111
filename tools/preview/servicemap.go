package preview

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Measures of the service map, in SVG units.
const (
	nodeRadius   = 26.0
	columnGap    = 210.0
	rowGap       = 118.0
	mapMargin    = 74.0
	labelChars   = 24
	maxEdgeWidth = 7.0
)

// serviceMap is a drawing of services from left to right, callers before the called.
type serviceMap struct {
	Width, Height float64
	Nodes         []mapNode
	Edges         []mapEdge
}

// mapNode is a service at its place.
type mapNode struct {
	Service
	X, Y  float64
	Label string
	// Ring is the share of calls that were well, failed by the client's fault, and failed by the server's fault, as arcs.
	Ring []arc
	// Tip is what a pointer, or a screen reader, tells.
	Tip string
}

// arc is a part of a ring.
type arc struct {
	Class string
	Path  string
}

// mapEdge is the calls between two services.
type mapEdge struct {
	Edge
	Path   string
	Width  float64
	LabelX float64
	LabelY float64
	Label  string
	// Faults is the second line of the label; Failed whether most calls are faults.
	Faults string
	Failed bool
	Tip    string
}

// place is a node of the layout: a service, or a bend of an edge that passes a layer.
type place struct {
	name  string
	bend  bool
	layer int
	order float64
	y     float64
}

// newServiceMap lays the graph out in layers (Sugiyama's method): it turns edges that close a circle, puts every service
// one layer behind its callers, bends long edges in each layer that they pass, and sorts the layers so that edges cross
// seldom. The result depends on the input only.
func newServiceMap(services []Service, edges []Edge) *serviceMap {
	if len(services) == 0 {
		return nil
	}
	connected := map[string]bool{}
	for _, e := range edges {
		connected[e.From], connected[e.To] = true, true
	}
	layers := layersOf(services, edges)
	nodes := map[string]*place{}
	var columns [][]*place
	add := func(p *place) {
		for len(columns) <= p.layer {
			columns = append(columns, nil)
		}
		p.order = float64(len(columns[p.layer]))
		columns[p.layer] = append(columns[p.layer], p)
	}
	for _, s := range services {
		nodes[s.Name] = &place{name: s.Name, layer: layers[s.Name]}
		add(nodes[s.Name])
	}
	routes := make([][]*place, len(edges))
	for i, e := range edges {
		from, to := nodes[e.From], nodes[e.To]
		if from == nil || to == nil {
			continue
		}
		route := []*place{from}
		step := 1
		if to.layer < from.layer {
			step = -1
		}
		for layer := from.layer + step; from.layer != to.layer && layer != to.layer; layer += step {
			bend := &place{bend: true, layer: layer}
			add(bend)
			route = append(route, bend)
		}
		routes[i] = append(route, to)
	}
	sortLayers(columns, routes)

	tallest := 0
	for _, column := range columns {
		tallest = max(tallest, len(column))
	}
	m := &serviceMap{Width: float64(len(columns)-1)*columnGap + 2*mapMargin}
	for _, column := range columns {
		top := (float64(tallest) - float64(len(column))) * rowGap / 2
		for i, p := range column {
			p.y = top + float64(i)*rowGap + nodeRadius + 24
		}
	}
	m.Height = float64(tallest-1)*rowGap + nodeRadius + 24 + 70
	x := func(layer int) float64 { return float64(layer)*columnGap + mapMargin }
	for _, s := range services {
		p := nodes[s.Name]
		m.Nodes = append(m.Nodes, mapNode{
			Service: s, X: x(p.layer), Y: p.y, Label: fit(oneLine(s.Name), labelChars), Ring: ring(s),
			Tip: fmt.Sprintf("%s: %s requests, %s client errors, %s faults, p50 %s, p99 %s", s.Name, thousands(s.Requests), thousands(s.Errors), thousands(s.Faults), duration(s.Latency.P50), duration(s.Latency.P99)),
		})
	}
	most := 1
	for _, e := range edges {
		most = max(most, e.Requests)
	}
	for i, e := range edges {
		if routes[i] == nil {
			continue
		}
		points := make([][2]float64, 0, len(routes[i]))
		for _, p := range routes[i] {
			points = append(points, [2]float64{x(p.layer), p.y})
		}
		drawn := mapEdge{
			Edge: e, Failed: 2*e.Faults > e.Requests, Label: thousands(e.Requests) + " × " + duration(e.Latency.P50),
			Width: round(1.5+(maxEdgeWidth-1.5)*math.Log1p(float64(e.Requests))/math.Log1p(float64(most))*0.6, 2),
			Tip:   fmt.Sprintf("%s calls %s: %s requests, %s client errors, %s faults, p50 %s, p99 %s", e.From, e.To, thousands(e.Requests), thousands(e.Errors), thousands(e.Faults), duration(e.Latency.P50), duration(e.Latency.P99)),
		}
		if e.Faults > 0 {
			drawn.Faults = fmt.Sprintf("%s failed", thousands(e.Faults))
		}
		drawn.Path, drawn.LabelX, drawn.LabelY = curve(points)
		m.Edges = append(m.Edges, drawn)
	}
	return m
}

// layersOf puts every service behind all of its callers, as far as calls go in no circle.
func layersOf(services []Service, edges []Edge) map[string]int {
	called := map[string][]string{}
	incoming := map[string]int{}
	for _, e := range edges {
		if e.From != e.To {
			called[e.From] = append(called[e.From], e.To)
			incoming[e.To]++
		}
	}
	roots := make([]string, 0, len(services))
	for _, s := range services {
		roots = append(roots, s.Name)
	}
	// Starting where nobody calls turns the fewest edges.
	slices.SortStableFunc(roots, func(a, b string) int { return cmp.Or(cmp.Compare(incoming[a], incoming[b]), cmp.Compare(a, b)) })
	const visiting, done = 1, 2
	state := map[string]int{}
	forward := map[string][]string{}
	var finished []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = visiting
		for _, to := range called[name] {
			if state[to] == visiting {
				continue // it closes a circle
			}
			forward[name] = append(forward[name], to)
			if state[to] == 0 {
				visit(to)
			}
		}
		state[name] = done
		finished = append(finished, name)
	}
	for _, root := range roots {
		if state[root] == 0 {
			visit(root)
		}
	}
	layers := map[string]int{}
	for _, name := range slices.Backward(finished) {
		for _, to := range forward[name] {
			layers[to] = max(layers[to], layers[name]+1)
		}
	}
	return layers
}

// sortLayers moves every place to the middle of its neighbours, forth and back, some times.
func sortLayers(columns [][]*place, routes [][]*place) {
	neighbours := map[*place][]*place{}
	for _, route := range routes {
		for i := 1; i < len(route); i++ {
			neighbours[route[i-1]] = append(neighbours[route[i-1]], route[i])
			neighbours[route[i]] = append(neighbours[route[i]], route[i-1])
		}
	}
	for sweep := range 8 {
		for i := range columns {
			column := columns[i]
			if sweep%2 == 1 {
				column = columns[len(columns)-1-i]
			}
			middle := map[*place]float64{}
			for _, p := range column {
				sum, n := 0.0, 0.0
				for _, other := range neighbours[p] {
					if other.layer != p.layer {
						sum, n = sum+other.order, n+1
					}
				}
				middle[p] = p.order
				if n > 0 {
					middle[p] = sum / n
				}
			}
			slices.SortStableFunc(column, func(a, b *place) int { return cmp.Compare(middle[a], middle[b]) })
			for j, p := range column {
				// Centred, so that columns of different height are compared by their middle.
				p.order = float64(j) - float64(len(column)-1)/2
			}
		}
	}
}

// curve draws a smooth line through points from the rim of the first node to the rim of the last, and tells where its
// label stands.
func curve(points [][2]float64) (path string, labelX, labelY float64) {
	first, last := points[0], points[len(points)-1]
	var d strings.Builder
	switch {
	case len(points) == 2 && first == last: // calls itself
		fmt.Fprintf(&d, "M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f", first[0]-10, first[1]-nodeRadius, first[0]-40, first[1]-nodeRadius-50, first[0]+40, first[1]-nodeRadius-50, first[0]+10, first[1]-nodeRadius)
		return d.String(), first[0], first[1] - nodeRadius - 42
	case len(points) == 2 && first[0] == last[0]: // in one layer
		side := first[0] + nodeRadius
		fmt.Fprintf(&d, "M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f", side, first[1], side+60, first[1], side+60, last[1], side+6, last[1])
		return d.String(), side + 46, (first[1] + last[1]) / 2
	}
	direction := 1.0
	if last[0] < first[0] {
		direction = -1
	}
	points = slices.Clone(points)
	points[0] = [2]float64{first[0] + direction*(nodeRadius+3), first[1]}
	points[len(points)-1] = [2]float64{last[0] - direction*(nodeRadius+9), last[1]}
	fmt.Fprintf(&d, "M%.1f %.1f", points[0][0], points[0][1])
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		bend := (b[0] - a[0]) / 2
		fmt.Fprintf(&d, " C%.1f %.1f %.1f %.1f %.1f %.1f", a[0]+bend, a[1], b[0]-bend, b[1], b[0], b[1])
	}
	middle := (len(points) - 1) / 2
	a, b := points[middle], points[middle+1]
	y := (a[1] + b[1]) / 2
	if math.Abs(a[1]-b[1]) < 12 {
		y -= 9 // above a level line, and upon one that rises or falls
	} else {
		y += 4
	}
	return d.String(), round((a[0]+b[0])/2, 1), round(y, 1)
}

// ring is a circle cut by the outcome of the calls.
func ring(s Service) []arc {
	total := s.Requests
	if total == 0 {
		return []arc{{Class: "idle", Path: arcPath(0, 1)}}
	}
	var arcs []arc
	from := 0.0
	for _, part := range []struct {
		class string
		n     int
	}{{"fault", s.Faults}, {"error", s.Errors}, {"ok", total - s.Faults - s.Errors}} {
		share := float64(part.n) / float64(total)
		if share > 0 {
			arcs = append(arcs, arc{Class: part.class, Path: arcPath(from, from+share)})
		}
		from += share
	}
	return arcs
}

// arcPath is the arc from one share of the full turn to another, clockwise from the top, around 0,0.
func arcPath(from, to float64) string {
	if to-from >= 0.9999 {
		return fmt.Sprintf("M0 %.1f A%.1f %.1f 0 1 1 -0.01 %.1f Z", -nodeRadius, nodeRadius, nodeRadius, -nodeRadius)
	}
	point := func(share float64) (float64, float64) {
		angle := 2*math.Pi*share - math.Pi/2
		return nodeRadius * math.Cos(angle), nodeRadius * math.Sin(angle)
	}
	x1, y1 := point(from)
	x2, y2 := point(to)
	large := 0
	if to-from > 0.5 {
		large = 1
	}
	return fmt.Sprintf("M%.2f %.2f A%.1f %.1f 0 %d 1 %.2f %.2f", x1, y1, nodeRadius, nodeRadius, large, x2, y2)
}

// LabelWidth is how wide the label's background has to be.
func (e mapEdge) LabelWidth() float64 { return float64(utf8.RuneCountInString(e.Label))*6.1 + 10 }
