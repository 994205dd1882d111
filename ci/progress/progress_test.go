package progress

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAStepSaysWhenItBeginsAndHowLongItTook(t *testing.T) {
	var out strings.Builder
	log := New(&out)
	assert.NoError(t, log.Step("Building", func() error {
		_, err := log.Write([]byte("half\nway\n"))
		return err
	}))
	assert.Regexp(t, `^\[ +0 s\] Building \.\.\.
\[ +0 s\] half
\[ +0 s\] way
\[ +0 s\] Building: done in 0\.\d s
$`, out.String())
}

func TestTheErrorOfAStepNamesIt(t *testing.T) {
	var log *Log // which writes nothing
	cause := errors.New("no space left on device")
	err := log.Step("Building", func() error { return cause })
	assert.EqualError(t, err, "Building: no space left on device")
	assert.ErrorIs(t, err, cause)
}
