module github.com/kyma-cloudwatch/kyma-cloudwatch/ci/kind/node/pause

go 1.26.0
