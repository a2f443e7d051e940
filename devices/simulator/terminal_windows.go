package simulator

import (
	"errors"
	"fmt"
	"os"
)

func openTerminal() (*terminal, error) {
	return nil, fmt.Errorf("there are no pseudo-terminals on Windows: attach a scanner, or type the code: %w", errors.ErrUnsupported)
}

func share(*os.File)      {}
func unread(*os.File) int { return 0 }
func discard(*os.File)    {}
