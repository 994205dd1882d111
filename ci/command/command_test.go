package command

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOutputIsThatOfStdout(t *testing.T) {
	out, err := Cmd{Env: []string{"GREETING=hello"}, Stdin: []byte("world")}.Run(t.Context(), "sh", "-c", `echo "$GREETING $(cat)"; echo warning >&2`)
	assert.NoError(t, err)
	assert.Equal(t, "hello world", out)
}

func TestAnErrorNamesTheCommandAndEndsWithItsLastLines(t *testing.T) {
	_, err := Run(t.Context(), "sh", "-c", "seq 1 100; echo broken >&2; exit 3")
	assert.ErrorContains(t, err, "sh -c seq 1 100; echo broken >&2; exit 3: exit status 3\n")
	assert.ErrorContains(t, err, "\n100\n\nbroken")
	assert.NotContains(t, err.Error(), "\n50\n")
}

func TestTheEndOfTheContextIsTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, "sleep", "60")
	assert.ErrorIs(t, err, context.Canceled)
}
