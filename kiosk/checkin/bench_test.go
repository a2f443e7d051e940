package checkin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"

	"github.com/google/uuid"
)

// patients is a busy day of a large clinic. Beyond it the same come again.
const patients = 600

// BenchmarkCheckIn is a whole check-in with one form: two commits, without
// syncs. The sync is storage's to measure.
func BenchmarkCheckIn(b *testing.B) {
	k := newKit(b, "lobby-1", 'A', func(c *checkin.Config) { c.Earliest, c.Latest = 0, 0 })
	var rows strings.Builder
	rows.WriteString("appointment_id,patient_id,family_name,department,provider,start\n")
	for i := range patients {
		fmt.Fprintf(&rows, "b-%d,MRN-b-%d,Roe,cardiology,dr-vega,2026-11-23 09:30\n", i, i)
	}
	k.importRows(rows.String())
	var slowest time.Duration
	i := 0
	for b.Loop() {
		code, err := maker.QR(kiosk.AppointmentID(fmt.Sprint("b-", i%patients)), today)
		if err != nil {
			b.Fatal(err)
		}
		i++
		start := time.Now()
		id, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: "s1", Method: roster.Scanned, Value: phi.New(code), Language: "en", Request: uuid.Must(uuid.NewV7())})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Finish(context.Background(), checkin.FinishInput{Session: "s1", Entry: id.Entry, Decisions: decisions(id.Forms, true), Request: uuid.Must(uuid.NewV7())}); err != nil {
			b.Fatal(err)
		}
		slowest = max(slowest, time.Since(start))
	}
	b.ReportMetric(float64(slowest.Microseconds()), "slowest-µs")
}
