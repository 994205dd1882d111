package preview

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// browser is a headless Chromium with a profile of its own.
type browser struct{ path string }

// requireBrowser skips the test where no Chromium is installed.
func requireBrowser(t *testing.T) browser {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return browser{path}
		}
	}
	t.Skip("no chromium, chromium-browser or google-chrome on PATH: the page is not looked at in a browser")
	return browser{}
}

// run opens a page and returns what the browser writes to its standard output and error.
func (b browser) run(t *testing.T, page string, flags ...string) (stdout, stderr string) {
	t.Helper()
	profile, err := os.MkdirTemp("", "preview-browser-") // t.TempDir fails when the browser still writes as it ends
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	ctx, cancel := context.WithTimeout(t.Context(), window)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + profile, "--enable-logging=stderr",
	}, append(flags, "file://"+page)...)...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	require.NoError(t, cmd.Run(), "%s", &errors)
	return out.String(), errors.String()
}

func TestThePageOfAPreviewInABrowser(t *testing.T) {
	t.Parallel()
	b := requireBrowser(t)
	report := previewed(t, chartPath, valuesOf(t, []string{quickstart}))
	page, err := filepath.Abs(filepath.Join(t.TempDir(), "preview.html"))
	require.NoError(t, err)
	file, err := os.Create(page)
	require.NoError(t, err)
	require.NoError(t, report.WriteHTML(file))
	require.NoError(t, file.Close())

	t.Run("shows the report", func(t *testing.T) {
		dom, complaints := b.run(t, page, "--dump-dom")
		for _, line := range strings.Split(complaints, "\n") {
			assert.NotContains(t, line, "CONSOLE", "the browser's console stays empty")
		}
		root, err := html.Parse(strings.NewReader(dom))
		require.NoError(t, err)

		assert.Equal(t, "What AWS gets of "+report.Release.Chart, textOf(first(root, "h1", "")))
		assert.Contains(t, textOf(first(root, "p", "verdict")), "Everything that Kyma sent is accounted for")
		assert.Len(t, all(root, "path", "edge"), len(report.Signals.Traces.Edges), "a line for each pair of services")
		drawn := textOf(first(root, "div", "map"))
		require.NotEmpty(t, report.Signals.Traces.Services)
		for _, service := range report.Signals.Traces.Services {
			assert.Contains(t, drawn, service.Name)
		}
		assert.Len(t, all(root, "circle", "disc"), len(report.Signals.Traces.Services))
		assert.Len(t, all(root, "span", "span"), len(report.Signals.Traces.Waterfall.Rows), "a bar for each span of the waterfall")
		metrics := textOf(first(root, "table", "metrics"))
		for _, metric := range report.Signals.Metrics.Namespaces[0].Metrics {
			assert.Contains(t, metrics, metric.Name)
		}
		assert.Len(t, all(root, "span", "body"), len(report.Signals.Logs.Samples), "a line for each sample of the logs")
		for _, group := range report.Signals.Logs.Groups {
			assert.Contains(t, dom, group.Name)
		}
	})
	brightness := map[string]float64{}
	// The numbers of Chromium's own setting.
	for scheme, number := range map[string]string{"dark": "0", "light": "1"} {
		for size, dimensions := range map[string]string{"wide": "1280,2600", "narrow": "500,2600"} {
			t.Run(scheme+" and "+size, func(t *testing.T) {
				shot := filepath.Join(t.TempDir(), "shot.png")
				b.run(t, page, "--blink-settings=preferredColorScheme="+number, "--hide-scrollbars", "--window-size="+dimensions, "--screenshot="+shot)
				file, err := os.Open(shot)
				require.NoError(t, err)
				defer file.Close()
				picture, err := png.Decode(file)
				require.NoError(t, err)
				colours, mean := look(picture)
				assert.Greater(t, colours, 100, "a blank page has one colour")
				brightness[scheme] = mean
			})
		}
	}
	assert.Greater(t, brightness["light"], 0.8)
	assert.Less(t, brightness["dark"], 0.3)
}

// look counts the colours of a picture and returns its mean brightness from 0 to 1.
func look(picture image.Image) (colours int, brightness float64) {
	seen := map[color.Color]bool{}
	sum, n := 0.0, 0
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y += 2 {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x += 2 {
			c := picture.At(x, y)
			seen[c] = true
			grey, _, _, _ := color.GrayModel.Convert(c).RGBA()
			sum, n = sum+float64(grey)/0xffff, n+1
		}
	}
	return len(seen), sum / float64(n)
}

// all returns the elements of a name with a class, which may be empty.
func all(n *html.Node, name, class string) []*html.Node {
	var found []*html.Node
	for element := range n.Descendants() {
		if element.Type != html.ElementNode || element.Data != name {
			continue
		}
		has := class == ""
		for _, attribute := range element.Attr {
			if attribute.Key == "class" {
				for _, c := range strings.Fields(attribute.Val) {
					has = has || c == class
				}
			}
		}
		if has {
			found = append(found, element)
		}
	}
	return found
}

func first(n *html.Node, name, class string) *html.Node {
	if found := all(n, name, class); len(found) > 0 {
		return found[0]
	}
	return &html.Node{}
}

func textOf(n *html.Node) string {
	var text strings.Builder
	for node := range n.Descendants() {
		if node.Type == html.TextNode {
			text.WriteString(node.Data)
		}
	}
	return strings.TrimSpace(text.String())
}
