package preview

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The collector starts with the configuration of every example, so that it accepts it, and brings everything to AWS.
func TestOfEveryExampleAllThatIsSentArrives(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository, "examples", "*", "values*.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 12)
	for _, file := range files {
		folder := filepath.Dir(file)
		name := filepath.Base(folder) + strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "values"), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := chartPath
			if own := filepath.Join(folder, "chart"); isFolder(own) {
				of = own
			}
			report := previewed(t, of, valuesOf(t, []string{file}))
			requireAllArrived(t, report)
			assert.NotEmpty(t, report.Release.Workload)
		})
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
