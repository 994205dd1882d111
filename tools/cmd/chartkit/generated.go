package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// generatedFile is a file as a command would have it.
type generatedFile struct {
	path    string
	content []byte
}

// finish writes the files, or with check fails if one is not what the command would write. A
// file that is up to date is not touched. Line ends do not count, as git may have changed them.
func finish(cmd *cobra.Command, files []generatedFile, check bool, chart string) error {
	var stale []string
	for _, file := range files {
		old, err := os.ReadFile(file.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing := err != nil
		if !missing && bytes.Equal(unixLines(old), unixLines(file.content)) {
			continue
		}
		switch {
		case check && missing:
			stale = append(stale, file.path+" is missing\n")
		case check:
			stale = append(stale, file.path+" is not up to date:\n"+firstDifference(string(unixLines(old)), string(unixLines(file.content))))
		default:
			if err := writeAtomically(file.path, file.content); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "wrote", file.path)
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("%srun: %s %s", strings.Join(stale, ""), cmd.CommandPath(), chart)
	}
	return nil
}

func unixLines(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
}

// writeAtomically puts the content into a new file and renames it, so that a reader or a crash
// never meets half a file.
func writeAtomically(path string, content []byte) (err error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// maxShown is how many lines of either side of a difference are shown.
const maxShown = 5

// firstDifference shows the lines from the first to the last that differ.
func firstDifference(old, wanted string) string {
	a, b := strings.Split(old, "\n"), strings.Split(wanted, "\n")
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	var out strings.Builder
	fmt.Fprintf(&out, "@@ line %d @@\n", start+1)
	show := func(mark string, lines []string) {
		for i, line := range lines {
			if i == maxShown {
				fmt.Fprintf(&out, "%s ... %d more lines\n", mark, len(lines)-maxShown)
				return
			}
			fmt.Fprintln(&out, mark+line)
		}
	}
	show("-", a[start:endA])
	show("+", b[start:endB])
	return out.String()
}
