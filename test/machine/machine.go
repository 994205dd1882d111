// Package machine names the computer that a measurement was made on.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

// Describe returns the system, the number and model of the processors and the memory, as far as they can be read: measurements
// of different machines are not to be compared.
var Describe = sync.OnceValue(func() string {
	parts := []string{runtime.GOOS + "/" + runtime.GOARCH, fmt.Sprintf("%d CPUs", runtime.NumCPU())}
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		parts = append(parts, model)
	}
	var kib int64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib); err == nil {
		parts = append(parts, fmt.Sprintf("%d GiB of memory", kib>>20))
	}
	return strings.Join(parts, ", ")
})

// field is the first value of a name in a file of Linux's /proc; empty elsewhere.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(text), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
