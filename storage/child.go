package storage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"clinicgate/storage/keyring"
)

// childRequest is what the parent writes before the keys, as one line.
type childRequest struct {
	Path string `json:"path"`
	Full bool   `json:"full"`
}

// maxReport bounds what a child may answer.
const maxReport = 1 << 20

// KeyExporter hands keys to a child through its pipe. *keyring.Ring is one.
type KeyExporter interface {
	ExportKeys(w io.Writer, purposes ...string) error
}

// ChildVerifier checks a file in a child process, which newCommand makes: this
// program with its hidden subcommand, which calls RunVerifyChild. The keys go
// through the pipe, never into arguments or environment.
func ChildVerifier(keys KeyExporter, newCommand func(ctx context.Context) *exec.Cmd) Verifier {
	return func(ctx context.Context, path string, _ Keys) (Report, error) {
		cmd := newCommand(ctx)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return Report{}, fmt.Errorf("cannot start check: %w", err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return Report{}, fmt.Errorf("cannot start check: %w", err)
		}
		if err := cmd.Start(); err != nil {
			return Report{}, fmt.Errorf("cannot start check: %w", err)
		}
		line, _ := json.Marshal(childRequest{Path: path}) // of a string and a bool
		_, err = stdin.Write(append(line, '\n'))
		if err == nil {
			err = keys.ExportKeys(stdin)
		}
		err = errors.Join(err, stdin.Close())
		var report Report
		err = errors.Join(err, json.NewDecoder(io.LimitReader(stdout, maxReport)).Decode(&report))
		if werr := cmd.Wait(); werr != nil || err != nil {
			return Report{}, fmt.Errorf("check ended without a report: %w", errors.Join(werr, err))
		}
		return report, nil
	}
}

// RunVerifyChild is the child's side of ChildVerifier: it reads what to check,
// checks it, and writes the Report as JSON.
func RunVerifyChild(stdin io.Reader, stdout io.Writer) error {
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("cannot read what to check: %w", err)
	}
	var r childRequest
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("cannot read what to check: %w", err)
	}
	keys, err := keyring.ReadKeys(in)
	if err != nil {
		return fmt.Errorf("cannot read keys: %w", err)
	}
	report, err := Check(context.Background(), CheckOptions{Path: r.Path, Keys: keys, Full: r.Full})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(report)
}
