package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"
)

// toYAML writes what Helm's function of this name writes. Helm's way (to JSON, parsed as YAML, written as YAML) is
// half the time of a chart that builds its objects as maps, so that maps and lists as they come out of values are
// written straight. What is not sure to come out the same goes Helm's way.
func toYAML(value any) string {
	w := yamlWriters.Get().(*yamlWriter)
	defer yamlWriters.Put(w)
	w.text, w.line = w.text[:0], 0
	if w.root(value) {
		return string(w.text[:len(w.text)-1])
	}
	data, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

var yamlWriters = sync.Pool{New: func() any { return &yamlWriter{} }}

// maxWidth is the column after which YAML's writer continues a text on the next line.
const maxWidth = 80

// maxDepth of values that are written straight; a map that contains itself is deeper.
const maxDepth = 64

type yamlWriter struct {
	text []byte
	line int // where the current line starts in text
}

// root writes a document. Like all methods of the writer it returns false when it cannot.
func (w *yamlWriter) root(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		if len(value) > 0 {
			return w.table(value, 0)
		}
	case chartutil.Values:
		return w.root(map[string]any(value))
	case []any, []string:
		if list := listOf(value); len(list) > 0 {
			return w.list(list, 0)
		}
	case string:
		if !isPlainWord(value) {
			return false
		}
	}
	if !w.scalar(value, 0) {
		return false
	}
	w.newLine()
	return true
}

func (w *yamlWriter) newLine() {
	w.text = append(w.text, '\n')
	w.line = len(w.text)
}

func (w *yamlWriter) indent(columns int) {
	for range columns {
		w.text = append(w.text, ' ')
	}
}

// table writes the entries of a map that is not empty. The first entry is written where the writer stands.
func (w *yamlWriter) table(table map[string]any, indent int) bool {
	if indent > 2*maxDepth {
		return false
	}
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareYAMLKeys)
	for i, key := range keys {
		if i > 0 {
			w.indent(indent)
		}
		if isPlainWord(key) && len(key) <= 128 {
			w.text = append(w.text, key...)
		} else if written := written(key); key != "" && key != "<<" && len(key) < maxWidth/2 && isPrintable(key) && written[0] != '|' && strings.Count(written, "\n") == 1 {
			w.text = append(w.text, written[:len(written)-1]...)
		} else {
			return false
		}
		w.text = append(w.text, ':')
		if inner, ok := tableOf(table[key]); ok && len(inner) > 0 {
			w.newLine()
			w.indent(indent + 2)
			if !w.table(inner, indent+2) {
				return false
			}
			continue
		}
		if inner := listOf(table[key]); len(inner) > 0 {
			w.newLine()
			w.indent(indent)
			if !w.list(inner, indent) {
				return false
			}
			continue
		}
		w.text = append(w.text, ' ')
		if !w.scalar(table[key], indent+2) {
			return false
		}
		w.newLine()
	}
	return true
}

func tableOf(value any) (map[string]any, bool) {
	switch value := value.(type) {
	case map[string]any:
		return value, true
	case chartutil.Values:
		return value, true
	}
	return nil, false
}

// listOf returns also what sprig's sortAlpha and splitList make.
func listOf(value any) []any {
	switch value := value.(type) {
	case []any:
		return value
	case []string:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = element
		}
		return list
	}
	return nil
}

// list writes the elements of a list that is not empty. The first one is written where the writer stands.
func (w *yamlWriter) list(list []any, indent int) bool {
	if indent > 2*maxDepth {
		return false
	}
	for i, element := range list {
		if i > 0 {
			w.indent(indent)
		}
		w.text = append(w.text, '-', ' ')
		if inner, ok := tableOf(element); ok && len(inner) > 0 {
			if !w.table(inner, indent+2) {
				return false
			}
			continue
		}
		if inner := listOf(element); len(inner) > 0 {
			if !w.list(inner, indent+2) {
				return false
			}
			continue
		}
		if !w.scalar(element, indent+2) {
			return false
		}
		w.newLine()
	}
	return true
}

// scalar writes what fits on a line, or a text whose further lines are indented by so many columns.
func (w *yamlWriter) scalar(value any, indent int) bool {
	switch value := value.(type) {
	case nil:
		w.text = append(w.text, "null"...)
	case bool:
		w.text = strconv.AppendBool(w.text, value)
	case int:
		w.text = strconv.AppendInt(w.text, int64(value), 10)
	case int64:
		w.text = strconv.AppendInt(w.text, value, 10)
	case float64:
		if value != math.Trunc(value) || math.Abs(value) > 1e15 || value == 0 && math.Signbit(value) {
			return false
		}
		w.text = strconv.AppendInt(w.text, int64(value), 10)
	case map[string]any:
		w.empty(value == nil, "{}")
	case chartutil.Values:
		w.empty(value == nil, "{}")
	case []any:
		w.empty(value == nil, "[]")
	case []string:
		w.empty(value == nil, "[]")
	case string:
		return w.string(value, indent)
	default:
		return false
	}
	return true
}

func (w *yamlWriter) empty(isNil bool, text string) {
	if isNil {
		text = "null"
	}
	w.text = append(w.text, text...)
}

func (w *yamlWriter) string(value string, indent int) bool {
	if isPlainWord(value) {
		w.text = append(w.text, value...)
		return true
	}
	if strings.ContainsAny(value, "\r\u0085\u2028\u2029") {
		return false // the writer breaks lines at these as well
	}
	as := written(value)
	if as[0] == '|' {
		first, rest, _ := strings.Cut(as[:len(as)-1], "\n")
		w.text = append(w.text, first...)
		for line := range strings.SplitSeq(rest, "\n") {
			w.newLine()
			if line != "" {
				w.indent(indent - 2) // written has two columns already
				w.text = append(w.text, line...)
			}
		}
		return true
	}
	short := len(w.text)-w.line+len(as)-1 <= maxWidth || !strings.Contains(value, " ")
	if short && strings.Count(as, "\n") == 1 {
		w.text = append(w.text, as[:len(as)-1]...)
		return true
	}
	if as[0] == '"' || !isPrintable(value) || !isPrintable(string(w.text[w.line:])) {
		return false
	}
	w.folded(value, as[0] == '\'', indent)
	return true
}

// folded writes a text that may be longer than a line, which YAML's writer continues at a single blank.
func (w *yamlWriter) folded(value string, quoted bool, indent int) {
	if quoted {
		w.text = append(w.text, '\'')
	}
	for i := range len(value) {
		blank := value[i] == ' ' && i > 0 && i < len(value)-1 && value[i-1] != ' ' && value[i+1] != ' '
		if blank && len(w.text)-w.line > maxWidth {
			w.newLine()
			w.indent(indent)
			continue
		}
		if quoted && value[i] == '\'' {
			w.text = append(w.text, '\'')
		}
		w.text = append(w.text, value[i])
	}
	if quoted {
		w.text = append(w.text, '\'')
	}
}

// isPrintable is whether a text is of printable ASCII characters only.
func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// isPlainWord is whether a text is surely written without quotes: it starts with a letter, an underscore or a slash,
// goes on with what has no meaning in YAML, and is no word that YAML reads as something else.
func isPlainWord(text string) bool {
	if text == "" {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '/':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	switch len(text) {
	case 1, 2, 3, 4, 5:
		switch strings.ToLower(text) {
		case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
			return false
		}
	}
	return true
}

// written is how YAML's writer writes a text as the value of a key at the left margin, its line break included.
func written(text string) string {
	if known, ok := writtenTexts.get(text); ok {
		return known
	}
	data, err := yaml.Marshal(map[string]any{"k": text})
	if err != nil {
		return "\"\n\n" // of which no caller makes use
	}
	as := string(data[len("k: "):])
	writtenTexts.put(text, as)
	return as
}

var writtenTexts memory[string]

// compareYAMLKeys is the order of keys of YAML's writer: numbers within texts count as numbers, letters come last.
func compareYAMLKeys(a, b string) int {
	if isLess(a, b) {
		return -1
	}
	if isLess(b, a) {
		return 1
	}
	return 0
}

func isLess(one, other string) bool {
	a, b := []rune(one), []rune(other)
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		letterA, letterB := unicode.IsLetter(a[i]), unicode.IsLetter(b[i])
		if letterA && letterB {
			return a[i] < b[i]
		}
		if letterA || letterB {
			return letterB
		}
		var numberA, numberB int64
		if a[i] == '0' || b[i] == '0' {
			for j := i - 1; j >= 0 && unicode.IsDigit(a[j]); j-- {
				if a[j] != '0' {
					numberA, numberB = 1, 1
					break
				}
			}
		}
		endA, endB := i, i
		for ; endA < len(a) && unicode.IsDigit(a[endA]); endA++ {
			numberA = numberA*10 + int64(a[endA]-'0')
		}
		for ; endB < len(b) && unicode.IsDigit(b[endB]); endB++ {
			numberB = numberB*10 + int64(b[endB]-'0')
		}
		if numberA != numberB {
			return numberA < numberB
		}
		if endA != endB {
			return endA < endB
		}
		return a[i] < b[i]
	}
	return len(a) < len(b)
}
