package nfc

import (
	"encoding/hex"
	"errors"
	"strings"
)

// cascadeTag in place of the first byte says that the number goes on at the next
// cascade level (ISO/IEC 14443-3, 6.5.4).
const cascadeTag = 0x88

var (
	errCheckByte = errors.New("the check byte of the card's number is wrong")
	errCascade   = errors.New("the card's number is of a form that no card has")
)

// assembleUID makes a card's number of the answers to anticollision, one of five
// bytes for each cascade level: four bytes and their exclusive or (BCC). A number
// has 4 bytes on one level or 7 on two. more says that the next level is needed.
func assembleUID(levels ...[]byte) (uid []byte, more bool, err error) {
	for i, level := range levels {
		last := i == len(levels)-1
		if len(level) != 5 || level[0]^level[1]^level[2]^level[3] != level[4] {
			return nil, false, errCheckByte
		}
		if level[0] == cascadeTag {
			if !last {
				uid = append(uid, level[1:4]...)
				continue
			}
			if i == 0 {
				return nil, true, nil
			}
			return nil, false, errCascade // a third level: no card on the market has one
		}
		if !last {
			return nil, false, errCascade
		}
		uid = append(uid, level[:4]...)
	}
	if len(uid) == 0 {
		return nil, true, nil
	}
	return uid, false, nil
}

// isUID reports whether a reader's answer can be a card's number: 4, 7 or 10
// bytes (ISO/IEC 14443-3), or 8 (ISO/IEC 15693, FeliCa).
func isUID(b []byte) bool { return len(b) == 4 || len(b) == 7 || len(b) == 8 || len(b) == 10 }

// isRandom reports whether a number is made anew each time the card is in a
// field: one of 4 bytes that begins with 08 (ISO/IEC 14443-3, table 10). Phones
// and cards with privacy do so; such a number finds nobody.
func isRandom(uid []byte) bool { return len(uid) == 4 && uid[0] == 0x08 }

// uidText is how a number is written in a Reading: capital hex digits in the
// order in which the card sends them.
func uidText(uid []byte) string { return strings.ToUpper(hex.EncodeToString(uid)) }
