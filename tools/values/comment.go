package values

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	docStart     = regexp.MustCompile(`^--(?:\s+|$)(?:\(([^()]+)\)(?:\s+|$))?(.*)$`)
	docTag       = regexp.MustCompile(`^@(default|section)\s+--\s*(.*)$`)
	oldDocStart  = regexp.MustCompile(`^([\w."/-]+)\s+--\s+(.*)$`)
	ruler        = regexp.MustCompile(`^[-=#*~_+\s]+$`)
	commentedOut = regexp.MustCompile(`^\s*(-\s+)?["']?[a-z][\w./-]*["']?:(\s|$)|^\s*-\s+\S+$|^\s*[\]{}]+,?\s*$`)
	listItem     = regexp.MustCompile(`^([-*]|\d+\.)\s`)
)

// textLine is one line of a comment without its marks, and where it stands; trailing tells that
// it stands behind a value.
type textLine struct {
	text     string
	line     int
	trailing bool
}

// comment reads the comment of a value: the comment lines right above its key in the key's own
// column, so that an example under the value before is not taken for it, and the comment at the
// end of its line.
func (p *parser) comment(name string, key, node *yaml.Node) (Comment, error) {
	var lines []textLine
	above := p.lines[key.Line-1]
	if key.Column-1 <= len(above) && strings.TrimSpace(above[:key.Column-1]) == "" {
		first := key.Line - 1 // index of the line above the key, plus one
		for first > 0 && isCommentAt(p.lines[first-1], key.Column-1) {
			first--
		}
		for i := first; i < key.Line-1; i++ {
			lines = append(lines, textLine{text: uncomment(p.lines[i]), line: i + 1})
		}
	}
	for _, text := range []string{key.LineComment, node.LineComment} {
		if text != "" {
			lines = append(lines, textLine{text: uncomment(text), line: key.Line, trailing: true})
		}
	}
	return p.readComment(name, lines)
}

func isCommentAt(line string, column int) bool {
	return len(line) > column && line[column] == '#' && strings.TrimSpace(line[:column]) == ""
}

func uncomment(line string) string {
	text := strings.TrimLeft(strings.TrimSpace(line), "#")
	return strings.TrimRight(strings.TrimPrefix(text, " "), " \t")
}

func (p *parser) readComment(name string, lines []textLine) (Comment, error) {
	c := Comment{}
	annotation := annotation{parser: p, keywords: map[string]any{}, comment: &c}
	var free, documented, trailing []string
	inDoc := false
	for i := 0; i < len(lines); i++ {
		text, line := strings.TrimSpace(lines[i].text), lines[i].line
		switch {
		case text == "@schema":
			end := i + 1
			for end < len(lines) && strings.TrimSpace(lines[end].text) != "@schema" {
				end++
			}
			if end == len(lines) {
				return c, p.errorf(line, "the block after # @schema has no end; close it with a second line # @schema, or write # @schema key:value;key:value on one line")
			}
			if err := annotation.block(lines[i+1:end], line); err != nil {
				return c, err
			}
			i = end
		case strings.HasPrefix(text, "@schema "):
			if err := annotation.line(strings.TrimPrefix(text, "@schema "), line); err != nil {
				return c, err
			}
		case text == "@ignored" || text == "@ignore":
			c.Ignored = true
		case docTag.MatchString(text):
			m := docTag.FindStringSubmatch(text)
			if m[1] == "default" {
				c.DocDefault = m[2]
			} else {
				c.Section = m[2]
			}
		case strings.HasPrefix(text, "@"):
			// A tag of another generator, such as @param or @raw.
		case docStart.MatchString(text):
			m := docStart.FindStringSubmatch(text)
			c.DocType, documented, inDoc = strings.TrimSpace(m[1]), []string{m[2]}, true
		case lines[i].trailing:
			trailing = append(trailing, text)
		case inDoc:
			documented = append(documented, text)
		case oldDocStart.MatchString(text) && lastKey(oldDocStart.FindStringSubmatch(text)[1]) == name:
			documented, inDoc = []string{oldDocStart.FindStringSubmatch(text)[2]}, true
		case ruler.MatchString(text) || commentedOut.MatchString(text):
			// A line that draws a box, or a value that is commented out.
		default:
			free = append(free, text)
		}
	}
	if inDoc {
		free = documented
	} else if len(free) == 0 {
		free = trailing
	}
	c.Description = paragraphs(free)
	if len(annotation.keywords) > 0 {
		c.Schema = withNullTypes(annotation.keywords).(map[string]any)
	}
	if description, ok := c.Schema["description"].(string); ok && !inDoc {
		c.Description = description
	}
	delete(c.Schema, "description")
	return c, nil
}

// empty tells whether there is no comment at all.
func (c Comment) empty() bool {
	return c.Description == "" && c.DocType == "" && c.DocDefault == "" && c.Section == "" &&
		c.Schema == nil && !c.Ignored && !c.Required && !c.SkipProperties
}

func lastKey(path string) string {
	return strings.Trim(path[strings.LastIndex(path, ".")+1:], `"`)
}

// paragraphs joins the lines of a text; an empty line parts paragraphs and a list item keeps its
// own line.
func paragraphs(lines []string) string {
	var b strings.Builder
	gap := ""
	for _, line := range lines {
		switch {
		case line == "":
			if b.Len() > 0 {
				gap = "\n\n"
			}
			continue
		case listItem.MatchString(line) && gap == " ":
			gap = "\n"
		}
		b.WriteString(gap + line)
		gap = " "
	}
	return b.String()
}
