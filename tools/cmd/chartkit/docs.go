package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/docs"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/values"
)

func newDocsCommand() *cobra.Command {
	var check bool
	command := &cobra.Command{
		Use:   "docs CHART",
		Short: "Write the tables of the values into README.md",
		Long: `Write tables of the values into README.md of the chart in the folder CHART, from values.yaml and its
comments. The tables stand between the lines

  ` + docs.Begin + `
  ` + docs.End + `

and include the values of the subcharts. A README.md is made if the chart has none. That of a subchart
is written only if it has these lines.`,
		Example: "  chartkit docs charts/kyma-cloudwatch\n  chartkit docs charts/kyma-cloudwatch --check",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chart, err := values.Load(args[0])
			if err != nil {
				return err
			}
			var files []generatedFile
			for i, c := range chart.All() {
				path := filepath.Join(c.Dir, "README.md")
				readme, err := os.ReadFile(path)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				if i > 0 && !docs.Marked(readme) {
					continue
				}
				content, err := docs.Readme(c, path, readme)
				if err != nil {
					return err
				}
				files = append(files, generatedFile{path: path, content: content})
			}
			return finish(cmd, files, check, args[0])
		},
	}
	command.Flags().BoolVar(&check, "check", false, "write nothing, fail if a README.md is not up to date")
	return command
}
