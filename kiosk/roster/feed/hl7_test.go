package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster/feed"
)

// siu makes a message: event, then changes to a good one as "SEG-n=text".
func siu(event string, changes ...string) string {
	segments := []string{
		`MSH|^~\&|PMS|RIV|GATE|RIV|20261122180000||SIU^` + event + `^SIU_S12|1|P|2.5.1||||||`,
		"SCH|P1|F1|||||CHECKUP|||min|^^30^202611230930|||||||||||||",
		"PID|1||M1^^^RIV^MR||Roe^Jane||19800229||||||5550142|",
		"AIL|1||CARD", "AIP|1||77",
	}
	for _, c := range changes {
		place, text, _ := strings.Cut(c, "=")
		name, number, _ := strings.Cut(place, "-")
		n := 0
		_, _ = fmt.Sscan(number, &n)
		if name == "MSH" {
			n--
		}
		for i, s := range segments {
			if f := strings.Split(s, "|"); f[0] == name && number != "" {
				for len(f) <= n {
					f = append(f, "")
				}
				f[n] = text
				segments[i] = strings.Join(f, "|")
			}
		}
		if number == "" { // a segment taken away, or added
			segments = append(segments, text)
			for i, s := range segments {
				if name != "" && strings.HasPrefix(s, name) {
					segments[i] = ""
				}
			}
		}
	}
	return strings.Join(segments, "\r") + "\r"
}

func hl7Mapping() feed.Mapping {
	m := plain()
	m.Departments = map[string]kiosk.DepartmentID{"CARD": "cardiology", "RAD": "radiology"}
	m.Providers = map[string]kiosk.ProviderID{"77": "dr-vega", "Okafor, Ben": "dr-okafor", "pool": ""}
	m.Modes = map[string]kiosk.Mode{"TELE": kiosk.Video}
	m.Languages = map[string]string{"mandarin": "zh-Hans"}
	return m
}

func TestElementsOfAMessage(t *testing.T) {
	const start = "2026-11-23T14:30:00Z"
	for _, c := range []struct {
		name     string
		changes  []string
		set      func(*feed.Mapping)
		want     string // "column=text", or the problem
		keepsRow bool   // although there is a problem
	}{
		{"as it is", nil, nil, "start=" + start, false},
		{"start with a zone", []string{"SCH-11=^^30^202611230930+0100"}, nil, "start=2026-11-23T08:30:00Z", false},
		{"start with parts of a second", []string{"SCH-11=^^30^20261123093000.0001"}, nil, "start=" + start, false},
		{"zone of the message", []string{"MSH-7=20261122180000+0000"}, nil, "start=2026-11-23T09:30:00Z", false},
		{"zone of the message is the clinic's, across a change of clocks", []string{"MSH-7=20260722180000-0400"}, nil, "start=" + start, false},
		{"start in TQ1", []string{"SCH-11=", "=TQ1|1||||||202611231000"}, nil, "start=2026-11-23T15:00:00Z", false},
		{"start in AIS", []string{"SCH-11=", "=AIS|1||X|202611231000"}, nil, "start=2026-11-23T15:00:00Z", false},
		{"start in AIP", []string{"SCH-11=", "AIP-6=202611231000"}, nil, "start=2026-11-23T15:00:00Z", false},
		{"two starts", []string{"SCH-11=^^30^202611230930~^^30^202611240930"}, nil, "SCH-11: has several times", false},
		{"no start", []string{"SCH-11="}, nil, "SCH-11: is empty", false},
		{"start to the hour", []string{"SCH-11=^^30^2026112309"}, nil, "SCH-11: is not precise to the minute", false},
		{"no such hour", []string{"SCH-11=^^30^202611232400"}, nil, "SCH-11: is not a time", false},
		{"no such zone", []string{"SCH-11=^^30^202611230930+9900"}, nil, "SCH-11: is not a time", false},
		{"birth to the month", []string{"PID-7=198002"}, nil, "PID-7: is not a whole date; the row is kept without it", true},
		{"birth with a time", []string{"PID-7=198002290000"}, nil, "birth_date=1980-02-29", false},
		{"birth that never was", []string{"PID-7=19810229"}, nil, "PID-7: is not a date", false},
		{"birth to be deleted", []string{`PID-7=""`}, nil, "birth_date=", false},
		{"placer", nil, func(m *feed.Mapping) { m.AppointmentID = feed.Placer }, "appointment_id=P1", false},
		{"no filler", []string{"SCH-2="}, nil, "SCH-2: is empty; where ids stand in SCH-1, set appointment_id = placer", false},
		{"id of other letters", []string{"SCH-2=a/b"}, nil, "SCH-2: want 1 to 40 of A-Z a-z 0-9 _ -", false},
		{"several patient ids", []string{"PID-3=M1~M2"}, nil, "PID-3: has several identifiers of the patient: set patient_system", false},
		{"one medical record number", []string{"PID-3=M1^^^A^PI~M2^^^B^MR"}, nil, "patient_id=M2", false},
		{"patient id by authority", []string{"PID-3=M1^^^A^MR~M2^^^B&1.2.3&ISO^PI"}, func(m *feed.Mapping) { m.PatientSystem = "B" }, "patient_id=M2", false},
		{"no id of that authority", nil, func(m *feed.Mapping) { m.PatientSystem = "B" }, "PID-3: has no identifier of the patient", false},
		{"digits", []string{"PID-3=123"}, func(m *feed.Mapping) { m.PatientDigits = 6 }, "patient_id=000123", false},
		{"legal name before others", []string{"PID-5=Bee^B^^^^^A~Roe^Ann^M^^^^L~Maid^En^^^^^M"}, nil, "name=Roe, Ann M", false},
		{"former names alone", []string{"PID-5=Maid^En^^^^^M"}, nil, "PID-5: is empty", false},
		{"one name", []string{"PID-5=^Suharto"}, nil, "name=Suharto", false},
		{"native script", []string{"PID-5=李^伟^^^^^L^I~Li^Wei^^^^^L^A~リ^ウ^^^^^L^P", "MSH-18=UNICODE UTF-8"}, nil, "name=Li, Wei/李伟", false},
		{"native script, not told so", []string{"PID-5=Haddad^Mona~حداد^منى", "MSH-18=UNICODE UTF-8"}, nil, "name=Haddad, Mona/حداد منى", false},
		{"native script alone", []string{"PID-5=李^伟", "MSH-18=UNICODE UTF-8"}, nil, "name=李, 伟", false},
		{"family in parts", []string{"PID-5=van den Berg&van den&Berg^An"}, nil, "name=van den Berg, An", false},
		{"escapes", []string{`PID-5=A\T\B\S\C\F\D\R\E\E\F\X47\\H\G\.br\H\Zq\I^\`}, nil, `name=A&B^C|D~E\FGG H\Zq\I, \`, false},
		{"escape to another set", []string{`PID-5=\C2842\X`}, nil, "PID-5: has a mark in place of a letter: the export lost it", false},
		{"Latin-1", []string{"PID-5=Nu\xf1ez^Jos\xe9", "MSH-18=8859/1"}, nil, "name=Nuñez, José", false},
		{"wrong for UTF-8", []string{"PID-5=Nu\xf1ez", "MSH-18=UNICODE UTF-8"}, nil, "MSH: has letters that its character set (MSH-18) does not have: set charset", false},
		{"set by the config", []string{"PID-5=Nu\xf1ez"}, func(m *feed.Mapping) { m.Charset = feed.Windows1252 }, "name=Nuñez", false},
		{"telephone, mobile first", []string{"PID-13=^NET^Internet^a@example.org~555 0101~^PRN^CP^^1^555^5550143"}, nil, "phone=43", false},
		{"no telephone", []string{"PID-13=x"}, nil, "PID-13: is not one telephone number; the row is kept without it", true},
		{"language", []string{"PID-15=spa^Spanish"}, nil, "language=es", false},
		{"language of the table", []string{"PID-15=Mandarin"}, nil, "language=zh-Hans", false},
		{"language unknown", []string{"PID-15=Klingonese"}, nil, "PID-15: is neither a language tag nor in the table of languages; the row is kept without it", true},
		{"department of the visit", []string{"AIL=", "AIP=", "=PV1|1|O|RAD^3"}, nil, "department=radiology", false},
		{"department of the provider", []string{"AIL-3=ELSEWHERE"}, nil, "department=cardiology", false},
		{"no department", []string{"AIL=", "AIP="}, nil, "AIL-3: is no department of this clinic", false},
		{"provider by name", []string{"AIL-3=RAD", "AIP-3=5^Okafor^Ben"}, nil, "provider=dr-okafor", false},
		{"provider of another department", []string{"AIP-3=5^Okafor^Ben"}, nil, "AIP-3: does not belong to the department", false},
		{"provider unknown", []string{"AIP-3=99"}, nil, "AIP-3: is no provider of this clinic", false},
		{"provider is whoever is free", []string{"AIP-3=POOL"}, nil, "provider=", false},
		{"known beside unknown", []string{"AIP-3=99", "=AIP|2||77"}, nil, "provider=dr-vega", false},
		{"resource taken away", []string{"=AIP|2|D|99", "=AIL|2|D|RAD"}, nil, "provider=dr-vega", false},
		{"mode", []string{"SCH-8=TELE"}, nil, "mode=video", false},
		{"status waits", []string{"SCH-25=Waitlist"}, nil, "nothing", false},
		{"status cancelled", []string{"SCH-25=Cancelled"}, nil, "cancelled=2026-11-23", false},
		{"status of no table", []string{"SCH-25=Odd"}, nil, "SCH-25: is a word that the table of statuses does not have", false},
		{"status of the config", []string{"SCH-25=Odd"}, func(m *feed.Mapping) { m.Statuses = map[string]feed.Status{"odd": feed.StatusNoShow} }, "no-show=2026-11-23", false},
		{"no scheduling message", []string{"MSH-9=ADT^A01"}, nil, "MSH-9: is no scheduling message (SIU)", false},
		{"no patient", []string{"PID="}, nil, "PID: is missing", false},
		{"two patients", []string{"=PID|2||M2||Doe"}, nil, "PID: stands more than once", false},
		{"a line within a field", []string{"=and more"}, nil, "MSH: has a line that is no segment", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := hl7Mapping()
			if c.set != nil {
				c.set(&m)
			}
			list := read(t, siu("S12", c.changes...), m)
			if got := reasons(list); got != "" || strings.Contains(c.want, ": ") {
				if got != c.want || (len(list.Appointments) == 1) != c.keepsRow {
					t.Errorf("problem %q and %d rows, want %q", got, len(list.Appointments), c.want)
				}
				return
			}
			got := map[string]string{}
			for _, x := range list.Cancelled {
				if x.NoShow {
					got["no-show"] = string(x.Day)
				} else {
					got["cancelled"] = string(x.Day)
				}
			}
			for _, a := range list.Appointments {
				name := a.Family.Reveal()
				if !a.Given.IsZero() {
					name += ", " + a.Given.Reveal()
				}
				if !a.Native.IsZero() {
					name += "/" + a.Native.Reveal()
				}
				got = map[string]string{"appointment_id": string(a.ID), "patient_id": a.PatientID.Reveal(), "name": name, "birth_date": a.Birth.Reveal(), "phone": a.PhoneLast2.Reveal(),
					"language": a.Language, "department": string(a.Department), "provider": string(a.Provider), "start": a.Start.Format("2006-01-02T15:04:05Z07:00"), "mode": string(a.Mode)}
			}
			column, want, _ := strings.Cut(c.want, "=")
			if text, there := got[column]; (!there || text != want) && !(c.want == "nothing" && len(got) == 0) {
				t.Errorf("%s = %q (there: %v), want %q", column, text, there, want)
			}
		})
	}
}

func TestTheLastMessageCounts(t *testing.T) {
	at := func(clock string) string { return "SCH-11=^^30^20261123" + clock }
	for _, c := range []struct {
		name     string
		messages []string
		want     string
	}{
		{"another time", []string{siu("S12"), siu("S13", at("1400"))}, "F1 14:00"},
		{"changed", []string{siu("S12"), siu("S14", at("0945"))}, "F1 09:45"},
		{"cancelled", []string{siu("S12"), siu("S15")}, "-F1 2026-11-23"},
		{"discontinued", []string{siu("S12"), siu("S16")}, "-F1 2026-11-23"},
		{"deleted", []string{siu("S12"), siu("S17", "PID=", "AIL=", "AIP=", "SCH-11=")}, "-F1 "},
		{"did not come", []string{siu("S12"), siu("S26")}, "-F1 2026-11-23!"},
		{"booked again", []string{siu("S15"), siu("S12", at("1500"))}, "F1 15:00"},
		{"the last cannot be used", []string{siu("S12"), siu("S13", "SCH-11=")}, ""},
		{"two appointments", []string{siu("S12"), siu("S12", "SCH-2=F2"), siu("S13", at("1400"))}, "F2 09:30 F1 14:00"},
	} {
		for frame, text := range map[string]string{
			"plain": strings.Join(c.messages, ""),
			"MLLP":  "\x0b" + strings.Join(c.messages, "\x1c\r\x0b") + "\x1c\r",
			"LF":    strings.ReplaceAll(strings.Join(c.messages, ""), "\r", "\n"),
			"batch": fmt.Sprintf("FHS|^~\\&\rBHS|^~\\&\r%sBTS|%d\rFTS|1\r", strings.Join(c.messages, ""), len(c.messages)),
		} {
			list := read(t, text, hl7Mapping())
			var got []string
			for _, a := range list.Appointments {
				got = append(got, string(a.ID)+" "+a.Start.In(calendar().Zone).Format("15:04"))
			}
			for _, x := range list.Cancelled {
				s := "-" + string(x.ID) + " " + string(x.Day)
				if x.NoShow {
					s += "!"
				}
				got = append(got, s)
			}
			if strings.Join(got, " ") != c.want || list.Ending != feed.Ended || list.Whole {
				t.Errorf("%s, %s: %q, %s, want %q", c.name, frame, got, list.Ending, c.want)
			}
		}
	}
}

func TestHalfOfATransmission(t *testing.T) {
	one, two := siu("S12"), siu("S12", "SCH-2=F2")
	for _, c := range []struct {
		name, text string
		rows       int
		ending     feed.Ending
	}{
		{"frame not closed", "\x0b" + one + "\x1c\r\x0b" + two, 2, feed.Cut},
		{"frame not closed, another opened", "\x0b" + one + "\x0b" + two + "\x1c\r", 1, feed.Ended},
		{"no last line end", one + strings.TrimSuffix(two, "\r"), 2, feed.Open},
		{"cut in the header", one + "MSH|^~", 1, feed.Cut},
		{"file trailer missing", "FHS|^~\\&\r" + one, 1, feed.Cut},
		{"batch trailer missing", "BHS|^~\\&\r" + one, 1, feed.Cut},
		{"messages missing", "BHS|^~\\&\r" + one + "BTS|2\r", 1, feed.Cut},
		{"batches missing", "FHS|^~\\&\rBHS|^~\\&\r" + one + "BTS|1\rFTS|2\r", 1, feed.Cut},
		{"counts left out", "FHS|^~\\&\rBHS|^~\\&\r" + one + "BTS\rFTS\r", 1, feed.Ended},
		{"before the first header", "PID|1\r" + one, 1, feed.Ended},
		{"very long message", one + strings.TrimSuffix(two, "\r") + "\r" + strings.Repeat("NTE|1\r", 600), 1, feed.Ended},
	} {
		m := hl7Mapping()
		m.Format = feed.HL7
		list := read(t, c.text, m)
		if len(list.Appointments) != c.rows || list.Ending != c.ending {
			t.Errorf("%s: %d rows, %s; want %d, %s: %s", c.name, len(list.Appointments), list.Ending, c.rows, c.ending, reasons(list))
		}
	}
	m := hl7Mapping()
	m.Format = feed.HL7
	if _, err := feed.Read([]byte("\r\n"), m); err == nil {
		t.Error("an empty file is a list")
	}
}
