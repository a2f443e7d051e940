package doctor_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"clinicgate/gateway/doctor"
)

// A service that forks has for a moment a child with its own command line: the service
// is found, and once.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("( read -r _ ) <&0 & echo forked; wait\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "run")
	cmd.Args[0] = "gate-of-this-test"
	cmd.Dir = dir
	hold, err := cmd.StdinPipe() // the child reads it, and ends with the test
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hold.Close(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	list := doctor.Others("gate-of-this-test", "/usual.toml")
	if len(list) != 1 || list[0].PID != cmd.Process.Pid || list[0].Config != "/usual.toml" {
		t.Errorf("found %v, and it is %d", list, cmd.Process.Pid)
	}
}
