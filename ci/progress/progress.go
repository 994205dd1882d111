// Package progress tells whoever watches a long run what it is doing and how long each step took.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// heartbeat is how often a step that goes on says so.
const heartbeat = 20 * time.Second

// Log writes lines that begin with the seconds since it was made. It may be used by several goroutines. A nil Log writes
// nothing.
type Log struct {
	mu      sync.Mutex
	out     io.Writer
	started time.Time
}

// New returns a Log that writes to out.
func New(out io.Writer) *Log {
	return &Log{out: out, started: time.Now()}
}

// Line writes one line.
func (l *Log) Line(format string, args ...any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "[%4.0f s] %s\n", time.Since(l.started).Seconds(), fmt.Sprintf(format, args...))
}

// Write writes each line of b, so that a Log can stand where a writer for progress is asked for.
func (l *Log) Write(b []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimRight(string(b), "\n"), "\n") {
		l.Line("%s", line)
	}
	return len(b), nil
}

// Step does one step. It says when the step begins, every 20 seconds that it goes on, and how long it took.
func (l *Log) Step(name string, do func() error) error {
	started := time.Now()
	l.Line("%s ...", name)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				l.Line("%s: %.0f s so far", name, time.Since(started).Seconds())
			}
		}
	}()
	err := do()
	close(done)
	<-stopped
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.Line("%s: done in %.1f s", name, time.Since(started).Seconds())
	return nil
}
