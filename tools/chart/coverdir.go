package chart

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// CoverDirVariable is the environment variable with the folder into which every process writes what its renderings
// reach, as GOCOVERDIR is for Go. [Coverage.ReadDir] reads it, also what several processes wrote.
const CoverDirVariable = "CHARTKIT_COVERDIR"

// reached is a line of a file in the folder.
type reached struct {
	Chart string `json:"chart"`
	File  string `json:"file"`
	// Sum is of the template's text: what was written for another state of it is of no use.
	Sum    string `json:"sum"`
	Offset int    `json:"offset"`
	Kind   Kind   `json:"kind"`
	Choice int    `json:"choice"`
	By     string `json:"by"`
}

// coverFile is where this process writes.
var coverFile struct {
	sync.Mutex
	file *os.File
	err  error
}

// automatic is the coverage of all renderings of a chart in a process whose environment asks for it.
type automatic struct {
	once     sync.Once
	coverage *Coverage
}

// renderRecorded renders a chart and writes what was reached for the first time by the running test.
func (c *Chart) renderRecorded(values map[string]any, release Release, dir string) (*Rendered, error) {
	c.automatic.once.Do(func() {
		c.automatic.coverage = NewCoverage(c)
		c.automatic.coverage.news = func(points []Point, by string) error { return appendReached(dir, c, points, by) }
	})
	rendered, err := c.automatic.coverage.Render(values, release, runningTest())
	if failed := c.automatic.coverage.newsError(); failed != nil {
		return nil, fmt.Errorf("%s: %w", CoverDirVariable, failed)
	}
	return rendered, err
}

func appendReached(dir string, c *Chart, points []Point, by string) error {
	coverFile.Lock()
	defer coverFile.Unlock()
	if coverFile.file == nil && coverFile.err == nil {
		coverFile.file, coverFile.err = os.CreateTemp(dir, "chart-*.jsonl")
	}
	if coverFile.err != nil {
		return coverFile.err
	}
	var lines []byte
	for _, p := range points {
		line, err := json.Marshal(reached{c.loaded.Name(), p.File, sumOf(c.sources[p.File]), p.offset, p.Kind, p.choice, by})
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	_, err := coverFile.file.Write(lines)
	return err
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// ReadDir adds what processes wrote into a folder about this chart, in the state that its templates are in now. What
// they rendered of it as a subchart of another chart counts too.
func (v *Coverage) ReadDir(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "chart-*.jsonl"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("no coverage in %s; run go test with %s=%s in its environment", dir, CoverDirVariable, dir)
	}
	sums := map[string]string{}
	for file, text := range v.chart.sources {
		sums[file] = sumOf(text)
	}
	for _, name := range names {
		if err := v.readFile(name, sums); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (v *Coverage) readFile(name string, sums map[string]string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	hits := make([]int, len(v.points))
	for lines.Scan() {
		var r reached
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		if name := v.chart.loaded.Name(); r.Chart != name {
			_, below, _ := strings.Cut("/"+r.File, "/charts/"+name+"/")
			r.File = below
		}
		base, ok := v.base[place{r.File, r.Offset, r.Kind}]
		if r.Sum != sums[r.File] || !ok || r.Choice < 0 || base+r.Choice >= len(v.points) {
			continue
		}
		clear(hits)
		hits[base+r.Choice] = 1
		v.add(hits, r.By)
	}
	return lines.Err()
}

// runningTest names the test that the caller runs in, as "package.TestName", or else the program.
func runningTest() string {
	callers := make([]uintptr, 100)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		name := frame.Function[strings.LastIndexByte(frame.Function, '/')+1:]
		pkg, function, ok := strings.Cut(name, ".")
		function, _, _ = strings.Cut(function, ".")
		for _, prefix := range []string{"Test", "Fuzz", "Benchmark", "Example"} {
			if ok && strings.HasPrefix(function, prefix) && function != "TestMain" {
				return pkg + "." + function
			}
		}
		if !more {
			return filepath.Base(os.Args[0])
		}
	}
}
