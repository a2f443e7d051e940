package crashtest

import "golang.org/x/sys/unix"

// burn makes system calls that touch nothing of ours. strace counts the calls of
// each thread by itself; after it, no count of the writer's thread is one that
// another thread reaches first.
func burn(counts map[string]int) error {
	if len(counts) == 0 {
		return nil
	}
	fd, err := unix.MemfdCreate("burn", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	one := []byte{0}
	const nowhere = "/nonexistent/burn"
	calls := map[string]func(){
		"write":     func() { _, _ = unix.Write(fd, one) },
		"pwrite64":  func() { _, _ = unix.Pwrite(fd, one, 0) },
		"fdatasync": func() { _ = unix.Fdatasync(fd) },
		"fsync":     func() { _ = unix.Fsync(fd) },
		"ftruncate": func() { _ = unix.Ftruncate(fd, 1) },
		"renameat":  func() { _ = unix.Renameat(unix.AT_FDCWD, nowhere, unix.AT_FDCWD, nowhere) },
		"unlinkat":  func() { _ = unix.Unlinkat(unix.AT_FDCWD, nowhere, 0) },
	}
	for name, n := range counts {
		for range n {
			calls[name]()
		}
	}
	return nil
}
