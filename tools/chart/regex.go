package chart

import (
	"regexp"
	"text/template"
)

// regexFunctions are sprig's, which compile their expression at each call; here it is compiled once.
var regexFunctions = template.FuncMap{
	"regexMatch": func(expression, text string) bool {
		compiled, err := compileRegex(expression)
		return err == nil && compiled.MatchString(text)
	},
	"mustRegexMatch": func(expression, text string) (bool, error) {
		compiled, err := compileRegex(expression)
		if err != nil {
			return false, err
		}
		return compiled.MatchString(text), nil
	},
	"regexFind": func(expression, text string) string { return mustCompileRegex(expression).FindString(text) },
	"mustRegexFind": func(expression, text string) (string, error) {
		compiled, err := compileRegex(expression)
		if err != nil {
			return "", err
		}
		return compiled.FindString(text), nil
	},
	"regexFindAll": func(expression, text string, n int) []string {
		return mustCompileRegex(expression).FindAllString(text, n)
	},
	"mustRegexFindAll": func(expression, text string, n int) ([]string, error) {
		compiled, err := compileRegex(expression)
		if err != nil {
			return []string{}, err
		}
		return compiled.FindAllString(text, n), nil
	},
	"regexReplaceAll": func(expression, text, by string) string {
		return mustCompileRegex(expression).ReplaceAllString(text, by)
	},
	"mustRegexReplaceAll": func(expression, text, by string) (string, error) {
		compiled, err := compileRegex(expression)
		if err != nil {
			return "", err
		}
		return compiled.ReplaceAllString(text, by), nil
	},
	"regexReplaceAllLiteral": func(expression, text, by string) string {
		return mustCompileRegex(expression).ReplaceAllLiteralString(text, by)
	},
	"mustRegexReplaceAllLiteral": func(expression, text, by string) (string, error) {
		compiled, err := compileRegex(expression)
		if err != nil {
			return "", err
		}
		return compiled.ReplaceAllLiteralString(text, by), nil
	},
	"regexSplit": func(expression, text string, n int) []string { return mustCompileRegex(expression).Split(text, n) },
	"mustRegexSplit": func(expression, text string, n int) ([]string, error) {
		compiled, err := compileRegex(expression)
		if err != nil {
			return []string{}, err
		}
		return compiled.Split(text, n), nil
	},
}

var regexes memory[*regexp.Regexp]

func compileRegex(expression string) (*regexp.Regexp, error) {
	if known, ok := regexes.get(expression); ok {
		return known, nil
	}
	compiled, err := regexp.Compile(expression)
	if err == nil {
		regexes.put(expression, compiled)
	}
	return compiled, err
}

// mustCompileRegex panics with the text that sprig's functions panic with, which text/template makes an error.
func mustCompileRegex(expression string) *regexp.Regexp {
	compiled, err := compileRegex(expression)
	if err != nil {
		return regexp.MustCompile(expression)
	}
	return compiled
}
