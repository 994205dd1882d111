package bench

import (
	"fmt"
	"html/template"
	"io"
)

// The chart's measures, in pixels.
const (
	svgWidth   = 760
	svgLabels  = 200
	svgBars    = 400
	svgRow     = 24
	svgHeading = 44
)

type svgSignal struct {
	Name string
	Y    int
	Bars []svgBar
}

type svgBar struct {
	Name, Value, Color string
	Y, Width           int
	// Goal is where the goal's mark stands; 0 for none.
	Goal int
}

var svg = template.Must(template.New("svg").Parse(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="CPU seconds for a million records">
<rect width="100%" height="100%" fill="#ffffff"/>
{{range .Signals}}<text x="12" y="{{.Y}}" font-size="15" font-weight="600" fill="#101828">{{.Name}}: CPU-seconds for a million</text>
{{range .Bars}}<text x="12" y="{{.Y}}" fill="#344054">{{.Name}}</text><rect x="200" y="{{.Y}}" width="{{.Width}}" height="16" transform="translate(0 -13)" fill="{{.Color}}"/><text x="208" y="{{.Y}}" dx="{{.Width}}" fill="#344054">{{.Value}}</text>{{if .Goal}}<rect x="{{.Goal}}" y="{{.Y}}" width="2" height="20" transform="translate(0 -15)" fill="#101828"/>{{end}}
{{end}}{{end}}<text x="12" y="{{.Foot}}" font-size="11" fill="#667085">The mark is the goal. {{.Machine}}, {{.Started}}</text>
</svg>
`))

// WriteSVG draws the CPU time of each profile as a bar, with its goal as a mark.
func WriteSVG(w io.Writer, measurements []Measurement) error {
	data := struct {
		Width, Height, Foot int
		Signals             []svgSignal
		Machine, Started    string
	}{Width: svgWidth}
	y := 0
	for i := 0; i < len(measurements); {
		signal := measurements[i].Signal
		end, most := i, 0.0
		of := map[string]float64{}
		for ; end < len(measurements) && measurements[end].Signal == signal; end++ {
			of[measurements[end].Profile] = measurements[end].CPU
			most = max(most, measurements[end].CPU, measurements[end].Goal*of[measurements[end].Than])
		}
		y += svgHeading
		drawn := svgSignal{Name: signal, Y: y - 14}
		scale := func(cpu float64) int { return int(svgBars * cpu / most) }
		for _, m := range measurements[i:end] {
			y += svgRow
			bar := svgBar{Name: m.Profile, Value: fmt.Sprintf("%.1f", m.CPU), Y: y - 8, Width: scale(m.CPU), Color: "#98a2b3"}
			if m.Goal > 0 {
				bar.Goal = svgLabels + scale(m.Goal*of[m.Than])
				bar.Value += fmt.Sprintf(", %.2f of %s", m.Ratio, m.Than)
				bar.Color = "#e0843a"
				if m.Met {
					bar.Color = "#3a9d5d"
				}
			}
			drawn.Bars = append(drawn.Bars, bar)
		}
		data.Signals = append(data.Signals, drawn)
		data.Machine, data.Started = measurements[i].Machine, measurements[i].Started.Format("2006-01-02")
		i = end
	}
	data.Foot, data.Height = y+24, y+36
	return svg.Execute(w, data)
}
