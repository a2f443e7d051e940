package token

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"clinicgate/gateway/pubnub"
)

// Check reads a token that somebody wants to put into the file: it is one, it is bound
// to the user, and it has not ended. The error never repeats it.
func Check(text, user string, now time.Time) (pubnub.Token, error) {
	t, err := pubnub.ParseToken(strings.TrimSpace(text))
	switch {
	case err != nil:
		return t, fmt.Errorf("that is no token: %w", err)
	case t.User != user:
		return t, fmt.Errorf("the token is bound to another user id than this kiosk's, %q", user)
	case !now.Before(t.Expires):
		return t, fmt.Errorf("the token ended at %s", t.Expires.UTC().Format(time.RFC3339))
	}
	return t, nil
}

// Write puts a token into a file that is there, in place: owner and rights stay, and a
// reader that comes in between takes half a token for none. A new file is for its
// owner and group only.
func Write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	}
	if err != nil {
		return fmt.Errorf("cannot write token: %w", err)
	}
	text = strings.TrimSpace(text) + "\n"
	_, err = f.WriteAt([]byte(text), 0)
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write token: %w", err)
	}
	return nil
}
