package awslocal

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// parseFilterPattern compiles a CloudWatch Logs filter pattern. These forms are understood:
//
//   - terms: ERROR "two words" (all of them), ?WARN ?ERROR (any of them), -debug (none of them), %regular expression%
//   - JSON: { $.level = "error" && ($.status >= 500 || $.path = "/a*") }, with the operators = != < <= > >=, && || and
//     parentheses, * as a wildcard, IS NULL, IS TRUE, IS FALSE, EXISTS, NOT EXISTS, and selectors of fields, quoted fields
//     and array elements ($.a["b.c"][0])
//
// Space-delimited patterns ([ip, user, ...]) are refused.
// Source: CloudWatch Logs user guide, "Filter pattern syntax".
func parseFilterPattern(pattern string) (func(message string) bool, *apiError) {
	pattern = strings.TrimSpace(pattern)
	var matches func(string) bool
	var err error
	switch {
	case pattern == "":
		return func(string) bool { return true }, nil
	case strings.HasPrefix(pattern, "["):
		err = fmt.Errorf("space-delimited patterns are not supported by this endpoint: use terms or a JSON pattern")
	case strings.HasPrefix(pattern, "{"):
		matches, err = parseJSONPattern(pattern)
	default:
		matches, err = parseTermPattern(pattern)
	}
	if err != nil {
		return nil, clientError(errCodeInvalidParameter, "Invalid filter pattern %q: %s", pattern, err)
	}
	return matches, nil
}

var termPattern = regexp.MustCompile(`^([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([^\s"%]+))(?:\s+|$)`)

func parseTermPattern(pattern string) (func(string) bool, error) {
	var all, anyOf, none []func(string) bool
	for rest := pattern; rest != ""; {
		m := termPattern.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("cannot read %q: quote terms that hold special characters", rest)
		}
		rest = rest[len(m[0]):]
		var match func(string) bool
		if m[3] != "" {
			re, err := regexp.Compile(m[3])
			if err != nil {
				return nil, err
			}
			match = re.MatchString
		} else {
			term := m[4]
			if term == "" {
				term = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[2])
			}
			match = func(message string) bool { return strings.Contains(message, term) }
		}
		switch m[1] {
		case "?":
			anyOf = append(anyOf, match)
		case "-":
			none = append(none, match)
		default:
			all = append(all, match)
		}
	}
	return func(message string) bool {
		for _, match := range all {
			if !match(message) {
				return false
			}
		}
		for _, match := range none {
			if match(message) {
				return false
			}
		}
		// Optional terms beside required ones are ignored by CloudWatch Logs.
		if len(anyOf) == 0 || len(all) > 0 {
			return true
		}
		for _, match := range anyOf {
			if match(message) {
				return true
			}
		}
		return false
	}, nil
}

// expressionTokens cuts JSON patterns and X-Ray filter expressions.
var expressionTokens = regexp.MustCompile(`^(?:\s+|("(?:[^"\\]|\\.)*")|(%[^%]+%)|(&&|\|\||!=|<=|>=|[&|=<>!(){}\[\],:])|([^\s"%&|=<>!(){}\[\],:]+))`)

type tokens struct {
	list []string
	next int
}

func tokenize(s string) (*tokens, error) {
	t := &tokens{}
	for rest := s; rest != ""; {
		m := expressionTokens.FindString(rest)
		if m == "" {
			return nil, fmt.Errorf("cannot read %q", rest)
		}
		rest = rest[len(m):]
		if strings.TrimSpace(m) != "" {
			t.list = append(t.list, m)
		}
	}
	return t, nil
}

func (t *tokens) peek() string {
	if t.next < len(t.list) {
		return t.list[t.next]
	}
	return ""
}

func (t *tokens) take() string {
	tok := t.peek()
	t.next++
	return tok
}

// accept takes the next token when it is one of want, without regard to case.
func (t *tokens) accept(want ...string) bool {
	for _, w := range want {
		if strings.EqualFold(t.peek(), w) {
			t.next++
			return true
		}
	}
	return false
}

func (t *tokens) expect(want string) error {
	if !t.accept(want) {
		return fmt.Errorf("expected %q, found %q", want, t.peek())
	}
	return nil
}

// parseBoolean reads a disjunction of conjunctions of terms, with parentheses.
func parseBoolean[T any](t *tokens, and, or []string, term func(*tokens) (func(T) bool, error)) (func(T) bool, error) {
	conjunction := func() (func(T) bool, error) {
		operand := func() (func(T) bool, error) {
			if t.accept("(") {
				inner, err := parseBoolean(t, and, or, term)
				if err != nil {
					return nil, err
				}
				return inner, t.expect(")")
			}
			return term(t)
		}
		left, err := operand()
		for err == nil && t.accept(and...) {
			var right func(T) bool
			if right, err = operand(); err == nil {
				l := left
				left = func(v T) bool { return l(v) && right(v) }
			}
		}
		return left, err
	}
	left, err := conjunction()
	for err == nil && t.accept(or...) {
		var right func(T) bool
		if right, err = conjunction(); err == nil {
			l := left
			left = func(v T) bool { return l(v) || right(v) }
		}
	}
	return left, err
}

func parseJSONPattern(pattern string) (func(string) bool, error) {
	t, err := tokenize(pattern)
	if err != nil {
		return nil, err
	}
	if err := t.expect("{"); err != nil {
		return nil, err
	}
	matches, err := parseBoolean(t, []string{"&&"}, []string{"||"}, parseJSONTerm)
	if err != nil {
		return nil, err
	}
	if err := t.expect("}"); err != nil {
		return nil, err
	}
	if t.peek() != "" {
		return nil, fmt.Errorf("unexpected %q after the closing brace", t.peek())
	}
	return func(message string) bool {
		var document any
		if json.Unmarshal([]byte(message), &document) != nil {
			return false
		}
		return matches(document)
	}, nil
}

// parseJSONTerm reads one comparison: a selector, an operator and a value.
func parseJSONTerm(t *tokens) (func(any) bool, error) {
	selector, err := parseSelector(t)
	if err != nil {
		return nil, err
	}
	switch {
	case t.accept("IS"):
		want, known := map[string]any{"NULL": nil, "TRUE": true, "FALSE": false}[strings.ToUpper(t.peek())]
		if !known {
			return nil, fmt.Errorf("IS is followed by NULL, TRUE or FALSE, not %q", t.peek())
		}
		t.next++
		return func(doc any) bool {
			v, found := selector(doc)
			if !found || v != nil && !isScalar(v) {
				return false
			}
			return v == want
		}, nil
	case t.accept("NOT"):
		return func(doc any) bool { _, found := selector(doc); return !found }, t.expect("EXISTS")
	case t.accept("EXISTS"):
		return func(doc any) bool { _, found := selector(doc); return found }, nil
	}
	op := t.take()
	compare, err := parseComparison(op, t.take())
	if err != nil {
		return nil, err
	}
	return func(doc any) bool {
		v, found := selector(doc)
		return found && compare(v)
	}, nil
}

// parseSelector reads $.a.b["c"][0].
func parseSelector(t *tokens) (func(any) (any, bool), error) {
	first := t.take()
	path, ok := strings.CutPrefix(first, "$")
	if !ok {
		return nil, fmt.Errorf("a selector starts with $., found %q", first)
	}
	keys := fieldNames(path)
	for t.accept("[") {
		key := t.take()
		if unquoted, err := strconv.Unquote(key); err == nil {
			key = unquoted
		}
		keys = append(keys, key)
		if err := t.expect("]"); err != nil {
			return nil, err
		}
		if strings.HasPrefix(t.peek(), ".") {
			keys = append(keys, fieldNames(t.take())...)
		}
	}
	return func(v any) (any, bool) {
		for _, key := range keys {
			switch node := v.(type) {
			case map[string]any:
				if v, ok = node[key]; !ok {
					return nil, false
				}
			case []any:
				i, err := strconv.Atoi(key)
				if err != nil || i < 0 || i >= len(node) {
					return nil, false
				}
				v = node[i]
			default:
				return nil, false
			}
		}
		return v, true
	}, nil
}

func fieldNames(path string) []string {
	path = strings.TrimPrefix(path, ".")
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// parseComparison compiles an operator and a literal: a number, a quoted or bare string with * as wildcard, or %regexp%.
func parseComparison(op, literal string) (func(any) bool, error) {
	if literal == "" {
		return nil, fmt.Errorf("%q is not followed by a value", op)
	}
	if number, err := strconv.ParseFloat(literal, 64); err == nil {
		var holds func(float64) bool
		switch op {
		case "=":
			holds = func(v float64) bool { return v == number }
		case "!=":
			holds = func(v float64) bool { return v != number }
		case "<":
			holds = func(v float64) bool { return v < number }
		case "<=":
			holds = func(v float64) bool { return v <= number }
		case ">":
			holds = func(v float64) bool { return v > number }
		case ">=":
			holds = func(v float64) bool { return v >= number }
		default:
			return nil, fmt.Errorf("%q is no operator", op)
		}
		return func(v any) bool {
			switch v := v.(type) {
			case float64:
				return holds(v)
			case string:
				f, err := strconv.ParseFloat(v, 64)
				return err == nil && holds(f)
			}
			return false
		}, nil
	}
	var re *regexp.Regexp
	if inner, ok := strings.CutPrefix(literal, "%"); ok {
		var err error
		if re, err = regexp.Compile(strings.TrimSuffix(inner, "%")); err != nil {
			return nil, err
		}
	} else {
		text := literal
		if unquoted, err := strconv.Unquote(literal); err == nil {
			text = unquoted
		}
		re = regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, `.*`) + `$`)
	}
	switch op {
	case "=":
		return func(v any) bool { return isScalar(v) && re.MatchString(fmt.Sprint(v)) }, nil
	case "!=":
		return func(v any) bool { return isScalar(v) && !re.MatchString(fmt.Sprint(v)) }, nil
	}
	return nil, fmt.Errorf("operator %q needs a number, not %s", op, literal)
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, float64, bool:
		return true
	}
	return false
}
