package localstack

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/command"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

//go:embed requirements/*.txt
var requirements embed.FS

// checkPython fails for a Python that LocalStack cannot run on (4.14.0 uses the syntax of 3.12, whatever its metadata says)
// or that cannot make a virtual environment, and prints its version.
const checkPython = `import sys, venv, ensurepip
assert (3, 12) <= sys.version_info < (3, 14), sys.version
print(sys.version)`

// findPython returns a Python from 3.12 on: one in PATH, or one that pyenv has.
func findPython(ctx context.Context) (path, version string, err error) {
	candidates := []string{"python3.13", "python3.12", "python3"}
	if home, err := os.UserHomeDir(); err == nil {
		for _, minor := range []string{"3.13", "3.12"} {
			found, _ := filepath.Glob(filepath.Join(home, ".pyenv", "versions", minor+"*", "bin", "python3"))
			slices.Reverse(found) // the newest
			candidates = append(candidates, found...)
		}
	}
	for _, candidate := range candidates {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		if version, err := command.Run(ctx, path, "-c", checkPython); err == nil {
			return path, version, nil
		}
	}
	if ctx.Err() != nil {
		return "", "", context.Cause(ctx)
	}
	return "", "", errors.New("LocalStack needs Python 3.12 or 3.13 with its venv module; install one so that python3.13 or python3.12 is in PATH (on Debian 13: apt-get install python3-venv; elsewhere: pyenv install 3.13)")
}

// environment makes a virtual environment of a file of requirements, or finds it in the cache, and returns the path of its
// folder of programs.
func environment(ctx context.Context, name string, log *progress.Log) (string, error) {
	frozen, err := requirements.ReadFile("requirements/" + name + ".txt")
	if err != nil {
		return "", err
	}
	python, version, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	caches, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder to keep LocalStack in: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(frozen, "%s", version))
	dir := filepath.Join(caches, "kyma-cloudwatch", "localstack", name+"-"+hex.EncodeToString(sum[:])[:12])
	bin := filepath.Join(dir, "bin")
	complete := filepath.Join(dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return bin, nil
	}
	// A virtual environment knows its own path, so it is not moved into place: a file says that it is whole.
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	err = log.Step("Installing "+name+" from Python packages", func() error {
		if _, err := command.Run(ctx, python, "-m", "venv", dir); err != nil {
			return err
		}
		list := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(list, frozen, 0o644); err != nil {
			return err
		}
		_, err := command.Run(ctx, filepath.Join(bin, "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
			"--require-hashes", "--no-deps", "-r", list)
		return err
	})
	if err != nil {
		return "", err
	}
	return bin, os.WriteFile(complete, nil, 0o644)
}
