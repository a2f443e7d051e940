package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// Certificate is a file with one, and the config's key of it.
type Certificate struct{ Key, File string }

const certificateSoon = 14 * 24 * time.Hour

// DeskCertificate looks when the certificate of the desk's page ends.
func DeskCertificate(file string, now func() time.Time) Check {
	return certificates("desk-cert", []Certificate{{"desk.certificate", file}}, "get a new certificate, write it to the file and restart the service", now)
}

// MQTTCertificates looks when those of MQTT end.
func MQTTCertificates(list []Certificate, now func() time.Time) Check {
	return certificates("mqtt-cert", list, "get a new certificate from whoever issued this one, write it to the file and restart the service", now)
}

func certificates(id string, list []Certificate, hint string, now func() time.Time) Check {
	return Check{ID: id, Run: func(context.Context) Result {
		worst := Result{State: Skipped, Detail: "no certificate is configured"}
		for _, c := range list {
			if c.File == "" {
				continue
			}
			if found := c.judge(now(), hint); rank(found.State) > rank(worst.State) || worst.State == Skipped {
				worst = found
			}
		}
		return worst
	}}
}

func (c Certificate) judge(now time.Time, hint string) Result {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return Result{Fail, c.Key + " cannot be read: " + plain(err), hint}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return Result{Fail, c.Key + " holds no certificate in PEM form", hint}
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Result{Fail, c.Key + " holds no certificate that can be read", hint}
	}
	last := leaf.NotAfter.Format(time.DateOnly)
	switch left := leaf.NotAfter.Sub(now); {
	case left <= 0:
		return Result{Fail, c.Key + " ended on " + last, hint}
	case now.Before(leaf.NotBefore):
		return Result{Fail, c.Key + " begins on " + leaf.NotBefore.Format(time.DateOnly), "is this machine's clock right? Else " + hint}
	case left <= certificateSoon:
		return Result{Warn, fmt.Sprintf("%s ends on %s, in %d days", c.Key, last, int(left.Hours()/24)), hint}
	}
	return Result{State: OK, Detail: c.Key + " holds until " + last}
}
