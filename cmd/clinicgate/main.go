//go:build !manual

package main

import (
	"os"

	"clinicgate/gateway/service"
)

func main() { os.Exit(service.Main(os.Args[1:], run)) }
