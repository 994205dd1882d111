package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/schema"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

func newSchemaCommand() *cobra.Command {
	var check bool
	command := &cobra.Command{
		Use:   "schema CHART",
		Short: "Write values.schema.json from values.yaml and its comments",
		Long: `Write values.schema.json of the chart in the folder CHART, and of the charts in its charts/ folder,
from values.yaml and its comments.

The schema is strict: a key that values.yaml does not declare is refused, at any depth. A key whose
default is {} stays free-form, as does a map annotated "additionalProperties:true", in which only the
keys with a comment keep their rules, or "skipProperties:true", in which none does. Annotations stand
in the comment of a key:

  # -- Number of pods.
  # @schema minimum:1;maximum:10
  replicas: 2

A rule that is too long for a line is a block of YAML between two lines "# @schema". The objects that
"properties" and "items" of an annotation describe are as strict as the chart's own maps, unless they
say additionalProperties themselves.`,
		Example: "  chartkit schema charts/kyma-cloudwatch\n  chartkit schema charts/kyma-cloudwatch --check",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chart, err := values.Load(args[0])
			if err != nil {
				return err
			}
			var files []generatedFile
			for _, c := range chart.All() {
				content, err := schema.Generate(c)
				if err != nil {
					return err
				}
				files = append(files, generatedFile{path: filepath.Join(c.Dir, "values.schema.json"), content: content})
			}
			return finish(cmd, files, check, args[0])
		},
	}
	command.Flags().BoolVar(&check, "check", false, "write nothing, fail if a schema is not up to date")
	return command
}
