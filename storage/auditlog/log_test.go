package auditlog_test

import (
	"bytes"
	"testing"

	"clinicgate/storage/auditlog"
)

func TestALogGoesOnWhereItsStateWasKept(t *testing.T) {
	l, _, err := auditlog.New(nil, auditlog.Opening{Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	straight := l
	for i := range 100 {
		b, err := l.MarshalBinary()
		if err != nil || len(b) > auditlog.MaxLogBytes {
			t.Fatalf("state of %d bytes, %v", len(b), err)
		}
		var again auditlog.Log
		if err := again.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		l = again
		body := []byte{byte(i)}
		if got, want := l.Append(nil, body), straight.Append(nil, body); !bytes.Equal(got, want) {
			t.Fatalf("record %d differs after reopening", i)
		}
	}
	if l.Checkpoint() != straight.Checkpoint() || l.Last() != straight.Last() || l.Origin() != origin {
		t.Error("the log differs after reopening")
	}
}

func TestAppendLeavesACopyAlone(t *testing.T) {
	l, _, err := auditlog.New(nil, auditlog.Opening{Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	before := l
	lost := l.Append(nil, []byte("rolled back"))
	l = before
	kept := l.Append(nil, []byte("committed"))
	r, err := auditlog.ParseRecord(kept)
	if err != nil || r.Index != 1 || r.Prev != before.Last() || string(r.Body) != "committed" {
		t.Errorf("%+v, %v", r, err)
	}
	if bytes.Equal(lost, kept) {
		t.Error("the copy kept the record that was rolled back")
	}
}

func TestRecordBytes(t *testing.T) {
	// Fixed for good: what is hashed and signed must never change.
	r := auditlog.Record{Index: 258, Prev: auditlog.Genesis(origin), Body: []byte("body")}
	b := auditlog.AppendRecord([]byte("x"), r)[1:]
	want := "\x01\x00\x00\x00\x00\x00\x00\x01\x02" + string(r.Prev[:]) + "body"
	if string(b) != want || len(b) != auditlog.FrameSize+4 {
		t.Errorf("record is %x, want %x", b, want)
	}
	if got, want := auditlog.Genesis("o").String(), "YzOEZmlCj6vNbTws/VVaursJHLiDX6KKQecoqa8SsWU="; got != want {
		t.Errorf("genesis is %s, want %s", got, want)
	}
}

func TestManyUnreadableRangesAreJoined(t *testing.T) {
	var lost []auditlog.Range
	for i := range uint64(1000) {
		lost = append(lost, auditlog.Range{From: 2 * i, To: 2*i + 1})
	}
	_, record, err := auditlog.New(nil, auditlog.Opening{Origin: "new", Previous: &auditlog.Closed{Origin: "old", Unreadable: lost}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := auditlog.ParseOpening(record)
	if err != nil {
		t.Fatal(err)
	}
	got := o.Previous.Unreadable
	if len(got) != 256 || got[255].To != lost[999].To || len(record) > 20<<10 {
		t.Errorf("%d ranges, to %d, in %d bytes", len(got), got[255].To, len(record))
	}
	if len(lost) != 1000 || lost[255].To != 511 {
		t.Error("the caller's ranges were changed")
	}
	for _, bad := range []auditlog.Opening{
		{Origin: "new", Previous: &auditlog.Closed{Origin: "new"}},
		{Origin: "new", Previous: &auditlog.Closed{Origin: "a b"}},
	} {
		if _, _, err := auditlog.New(nil, bad); err == nil {
			t.Errorf("%+v was opened", bad)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	_, opening, _ := auditlog.New(nil, auditlog.Opening{Origin: origin, Previous: &auditlog.Closed{Origin: "old"}})
	f.Add(opening)
	f.Add(auditlog.AppendRecord(nil, auditlog.Record{Index: 7, Body: []byte("event")}))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = auditlog.ParseOpening(b)
		r, err := auditlog.ParseRecord(b)
		if err != nil {
			return
		}
		if again := auditlog.AppendRecord(nil, r); !bytes.Equal(again, b) {
			t.Fatalf("%x was read and written as %x", b, again)
		}
	})
}

func FuzzLogUnmarshal(f *testing.F) {
	l, _, _ := auditlog.New(nil, auditlog.Opening{Origin: origin})
	for range 3 {
		b, _ := l.MarshalBinary()
		f.Add(b)
		l.Append(nil, nil)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var l auditlog.Log
		if l.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := l.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x was read and written as %x, %v", b, again, err)
		}
	})
}

func BenchmarkLogAppend(b *testing.B) {
	l, _, err := auditlog.New(nil, auditlog.Opening{Origin: origin})
	if err != nil {
		b.Fatal(err)
	}
	body, dst := make([]byte, 600), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = l.Append(dst[:0], body)
	}
}
