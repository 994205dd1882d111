package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
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
	var stale []generatedFile
	var report strings.Builder
	for _, file := range files {
		old, err := os.ReadFile(file.path)
		missing := errors.Is(err, fs.ErrNotExist)
		if err != nil && !missing {
			return err
		}
		is, shall := unixLines(old), unixLines(file.content)
		if !missing && is == shall {
			continue
		}
		stale = append(stale, file)
		if missing {
			fmt.Fprintf(&report, "%s is missing\n", file.path)
			continue
		}
		shown, err := difference(is, shall)
		if err != nil {
			return err
		}
		fmt.Fprintf(&report, "%s is not up to date:\n%s", file.path, shown)
	}
	if check && len(stale) > 0 {
		return fmt.Errorf("%srun: %s %s", report.String(), cmd.CommandPath(), chart)
	}
	for _, file := range stale {
		if err := writeAtomically(file.path, file.content); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "wrote", file.path)
	}
	return nil
}

func unixLines(text []byte) string {
	return strings.ReplaceAll(string(text), "\r\n", "\n")
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

// maxShown is how many lines of a difference are shown.
const maxShown = 12

// difference shows the first lines that differ, as diff -u does.
func difference(old, wanted string) (string, error) {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: difflib.SplitLines(old), B: difflib.SplitLines(wanted), Context: 1})
	if err != nil {
		return "", err
	}
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxShown {
		lines = append(lines[:maxShown], fmt.Sprintf("... and %d more lines", len(lines)-maxShown))
	}
	return strings.Join(lines, "") + "\n", nil
}
