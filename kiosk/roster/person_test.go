package roster_test

import (
	"context"
	"fmt"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"
)

func (k *kit) person(c identity.Claim, day kiosk.Day) (v identity.Verdict, found []roster.Appointment) {
	k.t.Helper()
	err := k.store.View(context.Background(), func(r *storage.Reader) (err error) {
		v, found, err = k.FindByPerson(r, c, day)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return v, found
}

const people = "appointment_id,patient_id,family_name,given_name,native_name,birth_date,department,start,phone_last2\n"

func TestFindByPerson(t *testing.T) {
	k := newKit(t, "lobby-1")
	if _, err := k.Import(context.Background(), kiosk.NewAct(ana), parse(t, people+
		"apt-1,MRN-1,Li,Xiaolong,李小龙,1980-02-29,cardiology,2026-11-23 14:00,\n"+
		"apt-2,MRN-1,Li,Xiaolong,李小龙,1980-02-29,radiology,2026-11-23 09:00,\n"+
		"apt-3,MRN-3,García,Ana María,,1990-01-01,cardiology,2026-11-23 10:00,22\n"+
		"apt-4,MRN-4,García,Ana Luisa,,1990-01-01,radiology,2026-11-23 10:30,22\n"+
		"apt-5,MRN-5,Roe,Jane,,1970-01-01,cardiology,2026-11-24 01:30,\n"+
		"apt-6,MRN-6,Poe,Ann,,1960-01-01,cardiology,2026-11-24 09:00,\n")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		birth, name, time, phone string
		want                     identity.Verdict
		found                    string
	}{
		{"1980-02-29", "李小龙", "", "", identity.One, "[apt-2 apt-1]"},
		{"1980-02-29", "xiaolong li", "", "", identity.One, "[apt-2 apt-1]"},
		{"1990-01-01", "Ana García", "", "", identity.AskTime, "[]"},
		{"1990-01-01", "Ana García", "10:30", "", identity.One, "[apt-4]"}, // in the clinic's time
		{"1970-01-01", "Jane Roe", "01:30", "", identity.One, "[apt-5]"},   // past midnight is this day
		{"1960-01-01", "Ann Poe", "", "", identity.None, "[]"},             // tomorrow's
		{"1960-01-01", "Ann Doe", "", "", identity.None, "[]"},
	} {
		v, found := k.person(identity.Claim{Birth: phi.New(c.birth), Name: phi.New(c.name), Time: phi.New(c.time), Phone: phi.New(c.phone)}, today)
		ids := []kiosk.AppointmentID{}
		for _, a := range found {
			ids = append(ids, a.ID)
		}
		if v != c.want || fmt.Sprint(ids) != c.found {
			t.Errorf("%s %s %s: verdict %d, %v", c.birth, c.name, c.time, v, ids)
		}
	}
}

// One look among three hundred rows.
func BenchmarkFindByPerson(b *testing.B) {
	k := newKit(b, "lobby-1")
	text := people
	for i := range 300 {
		text += fmt.Sprintf("apt-%d,MRN-%d,García López,Ana María,,19%02d-01-1%d,cardiology,2026-11-23 10:%02d,22\n", i, i, i%90+10, i%10, i%60)
	}
	if _, err := k.Import(context.Background(), kiosk.NewAct(ana), parse(b, text)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		k.person(identity.Claim{Birth: phi.New("1960-01-01"), Name: phi.New("Ann Poe")}, today)
	}
}
