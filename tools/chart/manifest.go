package chart

import (
	"cmp"
	"fmt"
	"log"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

const notesName = "NOTES.txt"

// document is one YAML document of what a template wrote.
type document struct {
	source, text string
	head         *releaseutil.SimpleHead // not to be changed
}

// manifest puts together what `helm template` prints: the objects in the order of their installation, then the hooks.
func manifest(c *helmchart.Chart, files map[string]string, includeCRDs bool) (string, error) {
	var objects, hooks []document
	for _, source := range slices.Sorted(maps.Keys(files)) {
		text := files[source]
		if strings.HasSuffix(source, notesName) || strings.HasPrefix(path.Base(source), "_") || strings.TrimSpace(text) == "" {
			continue
		}
		for _, text := range splitDocuments(text) {
			head, err := headOf(text)
			if err != nil {
				return "", fmt.Errorf("YAML parse error on %s: %w", source, err)
			}
			d := document{source, text, head}
			if hook, ok := d.hook(); !ok {
				objects = append(objects, d)
			} else if isKnownHook(hook) {
				hooks = append(hooks, d)
			} else {
				log.Printf("info: skipping unknown hook: %q", hook)
			}
		}
	}
	slices.SortStableFunc(objects, compareKinds)
	slices.SortStableFunc(hooks, compareKinds)

	var printed strings.Builder
	printed.Grow(length(objects) + length(hooks))
	if includeCRDs {
		for _, crd := range c.CRDObjects() {
			fmt.Fprintf(&printed, "---\n# Source: %s\n%s\n", crd.Filename, crd.File.Data)
		}
	}
	write(&printed, objects)
	// Helm trims the objects only; as they start with dashes, there is something to trim at their end alone.
	installed := strings.TrimRightFunc(printed.String(), unicode.IsSpace) + "\n"
	if len(hooks) == 0 {
		return installed, nil
	}
	printed.Reset()
	write(&printed, hooks)
	return installed + printed.String(), nil
}

// length of documents when they are written.
func length(documents []document) int {
	const around = len("---\n# Source: \n\n")
	sum := 0
	for _, d := range documents {
		sum += around + len(d.source) + len(d.text)
	}
	return sum
}

// heads are those of documents that were YAML.
var heads memory[*releaseutil.SimpleHead]

// headOf reads what decides about a document's place. Most documents of a rendering are those of another one.
func headOf(text string) (*releaseutil.SimpleHead, error) {
	if known, ok := heads.get(text); ok {
		return known, nil
	}
	head := &releaseutil.SimpleHead{}
	if err := yaml.Unmarshal([]byte(text), head); err != nil {
		return nil, err
	}
	heads.put(text, head)
	return head, nil
}

func write(to *strings.Builder, documents []document) {
	for _, d := range documents {
		to.WriteString("---\n# Source: ")
		to.WriteString(d.source)
		to.WriteByte('\n')
		to.WriteString(d.text)
		to.WriteByte('\n')
	}
}

func (d *document) hook() (string, bool) {
	if d.head.Metadata == nil {
		return "", false
	}
	hook, ok := d.head.Metadata.Annotations[release.HookAnnotation]
	return hook, ok
}

var knownHooks = map[string]bool{
	release.HookPreInstall.String(): true, release.HookPostInstall.String(): true,
	release.HookPreDelete.String(): true, release.HookPostDelete.String(): true,
	release.HookPreUpgrade.String(): true, release.HookPostUpgrade.String(): true,
	release.HookPreRollback.String(): true, release.HookPostRollback.String(): true,
	release.HookTest.String(): true, "test-success": true,
}

func isKnownHook(hook string) bool {
	for event := range strings.SplitSeq(hook, ",") {
		if !knownHooks[strings.ToLower(strings.TrimSpace(event))] {
			return false
		}
	}
	return true
}

// installOrder is the place of each kind.
var installOrder = func() map[string]int {
	order := map[string]int{}
	for place, kind := range releaseutil.InstallOrder {
		order[kind] = place
	}
	return order
}()

// compareKinds puts kinds that Helm does not know last, in the order of their names.
func compareKinds(a, b document) int {
	placeA, knownA := installOrder[a.head.Kind]
	placeB, knownB := installOrder[b.head.Kind]
	switch {
	case knownA && knownB:
		return cmp.Compare(placeA, placeB)
	case knownA:
		return -1
	case knownB:
		return 1
	}
	return cmp.Compare(a.head.Kind, b.head.Kind)
}

// splitDocuments is releaseutil.SplitManifests, which splits by the expression "(?:^|\s*\n)---\s*": at dashes that
// start the text or a line, with the blank space around them. It needs the line break for itself: dashes right after
// those of another separator are text.
func splitDocuments(text string) []string {
	text = strings.TrimSpace(text)
	var documents []string
	add := func(document string) {
		if document != "" {
			documents = append(documents, strings.TrimSpace(document))
		}
	}
	begin := 0
	for at := 0; ; {
		found := strings.Index(text[at:], "---")
		if found < 0 {
			break
		}
		found += at
		if found > 0 && (found == begin || text[found-1] != '\n') {
			at = found + 1
			continue
		}
		end := found
		for end > begin && isSpace(text[end-1]) {
			end--
		}
		if found > 0 || end > 0 {
			add(text[begin:end])
		}
		for begin = found + 3; begin < len(text) && isSpace(text[begin]); {
			begin++
		}
		at = begin
	}
	add(text[begin:])
	return documents
}

// isSpace is \s of a regular expression.
func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' || b == '\f' }
