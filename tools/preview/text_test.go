package preview

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func writtenText(t *testing.T, r *Report, colour bool) string {
	t.Helper()
	var text strings.Builder
	require.NoError(t, r.WriteText(&text, colour))
	return text.String()
}

func TestTelemetryCannotSteerTheTerminal(t *testing.T) {
	const hostile = "a\x1b[2Jb\x1b]0;title\x07c\rd\u009b31me"
	text := writtenText(t, fullReport(hostile), false)

	for _, r := range text {
		assert.False(t, r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0), "control character %q", r)
	}
	assert.Contains(t, text, "a [2Jb ]0;title c d 31me")
}

func TestTheTextHasColoursOnlyWhenAskedAndSaysTheSameWithoutThem(t *testing.T) {
	plain, coloured := writtenText(t, fullReport("text"), false), writtenText(t, fullReport("text"), true)

	assert.NotContains(t, plain, "\x1b")
	assert.Contains(t, coloured, "\x1b[31m")
	for _, code := range []string{bold, dim, red, green, yellow, cyan, "0"} {
		coloured = strings.ReplaceAll(coloured, "\x1b["+code+"m", "")
	}
	assert.Equal(t, plain, coloured)
}

func TestTheTextNamesEachPartOfTheReport(t *testing.T) {
	r := fullReport("text")
	text := writtenText(t, r, false)
	for _, part := range []string{
		"What AWS gets of text", "1 spans lost:", "1 datapoints withheld:", "service map", "trace text", "annotations (searchable): text",
		"Metrics  0 custom metrics billed", "Logs  2 records", "Requests to AWS", "1 × text", "To know", "✗ Lost: 1 spans, 1 datapoints, 1 log records.",
	} {
		assert.Contains(t, text, part)
	}
	r.Accounted = true
	assert.Contains(t, writtenText(t, r, false), "✓ Everything that Kyma sent is accounted for.")
}

func TestASignalThatTheReleaseDoesNotSendIsSaidToBeNone(t *testing.T) {
	r := fullReport("text")
	r.Signals.Traces = TraceReport{}
	text := writtenText(t, r, false)
	assert.Contains(t, text, "traces      not part of this release")
	assert.NotContains(t, text, "service map")
}
