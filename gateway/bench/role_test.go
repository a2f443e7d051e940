//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"testing"
	"time"
)

// A role is a part that runs in a process of its own. Its arguments and what it
// found are JSON.
const (
	roleVariable      = "CLINICGATE_BENCH_ROLE"
	argumentsVariable = "CLINICGATE_BENCH_ARGUMENTS"
	roleLimit         = 5 * time.Minute
)

// play runs a role in this process and prints what it found.
func play(name string) int {
	roles := map[string]func(context.Context, []byte) (any, error){
		"append": role(playAppend),
		"fill":   role(playFill),
		"pair":   role(playPair),
		"empty":  role(playEmpty),
		"drain":  role(playDrain),
	}
	run, ok := roles[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", name)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), roleLimit)
	defer cancel()
	end, err := profile(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	found, err := run(ctx, []byte(os.Getenv(argumentsVariable)))
	end()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// profile writes where this process spends its time, if that is asked for.
func profile(name string) (end func(), err error) {
	dir := os.Getenv("BENCH_PROFILE")
	if dir == "" {
		return func() {}, nil
	}
	f, err := os.CreateTemp(dir, name+"-*.pprof")
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, pprof.StartCPUProfile(f)
}

func role[Arguments, Found any](run func(context.Context, Arguments) (Found, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, text []byte) (any, error) {
		var a Arguments
		if err := json.Unmarshal(text, &a); err != nil {
			return nil, err
		}
		return run(ctx, a)
	}
}

// act runs a role in another process, under the command given before it, if any.
func act[Found any](t *testing.T, name string, arguments any, under ...string) (found Found) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	line := append(under, self)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+name, argumentsVariable+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("role %s: %v", name, err)
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatalf("role %s: %v", name, err)
	}
	return found
}
