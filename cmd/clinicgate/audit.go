package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
	"clinicgate/storage"
)

func (a *app) auditCommand() *cobra.Command {
	return group("audit", "The audit log", a.auditVerify(), a.auditList())
}

func (a *app) auditVerify() *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Verify the audit log: every record, the chain, the signed checkpoints",
		Long: `Verifies every record of the audit log against its chain and the signed
checkpoints, and names the first bad one. It needs no network. While no service
runs, it reads the store itself, also a copy that storage.dir names. --checkpoint
adds one that somebody else kept, such as from PubNub's audit channel: it shows a
history that was replaced as a whole. Exit code 5 when something does not verify.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var in control.AuditVerify
			for _, f := range files {
				note, err := a.readInput(f, maxNote)
				if err != nil {
					return err
				}
				in.Checkpoints = append(in.Checkpoints, note)
			}
			draw, wipe := a.terminal.progress()
			report, err := a.verifyAudit(c.Context(), in, draw)
			wipe()
			if err != nil {
				return err
			}
			if err := a.show(report, func(t *table) { showAudit(t, report) }); err != nil {
				return err
			}
			if !report.OK {
				return &found{what: "the audit log does not verify", hint: "keep a copy of the data folder; compare with the checkpoints on PubNub's audit channel"}
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&files, "checkpoint", nil, "file with a signed checkpoint that was kept elsewhere; may be repeated")
	return c
}

// maxNote bounds a checkpoint.
const maxNote = 16 << 10

func (a *app) verifyAudit(ctx context.Context, in control.AuditVerify, progress func(control.Progress)) (control.AuditReport, error) {
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		return client.AuditVerify(ctx, in, progress)
	}
	if !isDown(err) {
		return control.AuditReport{}, err
	}
	settings, err := a.load()
	if err != nil {
		return control.AuditReport{}, err
	}
	ring, err := a.openRing(ctx, settings)
	if err != nil {
		return control.AuditReport{}, err
	}
	defer ring.Close()
	found, err := storage.VerifyAudit(ctx, storage.AuditOptions{
		Path: storeFile(settings), Kiosk: settings.Kiosk.ID, Keys: ring, Public: ring.OwnPublicKeys(), Notes: in.Checkpoints,
		Progress: func(done, total int64) {
			progress(control.Progress{Done: uint64(done), Total: uint64(total), Unit: "records"})
		},
	})
	return control.AuditReportOf(found), err
}

func showAudit(t *table, r control.AuditReport) {
	for _, l := range r.Logs {
		t.line("log %s", l.Origin)
		t.row("  records", fmt.Sprintf("%d, of them %d without body and %d unreadable", l.Records, l.Pruned, l.Unreadable))
		if l.Declared > 0 {
			t.row("  lost", fmt.Sprintf("%d, as a later log says", l.Declared))
		}
		t.row("  checkpoints", fmt.Sprintf("%d good, %d bad, covering %d records", l.Checkpoints, l.BadCheckpoints, l.Checked))
		t.row("  root", fmt.Sprintf("%v at %d records", l.Root, l.Size))
		for _, p := range l.Problems {
			t.line("  problem: %v", p)
		}
		if l.More > 0 {
			t.line("  and %s more", count(l.More, "problem"))
		}
	}
	if r.Head != "" {
		t.line("head file beside the store: %s", r.Head)
	}
	if r.OK {
		t.line("the audit log verifies")
	}
}

func (a *app) auditList() *cobra.Command {
	var in control.AuditQuery
	c := &cobra.Command{
		Use:   "list",
		Short: "List the newest audit events; they hold references only",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.AuditEvents, error) { return s.AuditList(c.Context(), in) }, showEvents)
		},
	}
	c.Flags().IntVar(&in.Limit, "limit", 50, "how many, 1 to 1000")
	c.Flags().StringVar(&in.Type, "type", "", "only of this type, such as PATIENT_CONSENT_GIVEN")
	return c
}

func showEvents(t *table, l control.AuditEvents) {
	t.row("TIME", "EVENT", "ACTOR", "RESOURCE", "OUTCOME")
	for _, raw := range l.Events {
		var e struct {
			Timestamp string `json:"timestamp"`
			EventType string `json:"eventType"`
			Outcome   string `json:"outcome"`
			Actor     struct {
				UserID string `json:"userId"`
			} `json:"actor"`
			Resource struct {
				ID string `json:"id"`
			} `json:"resource"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.row("", "unreadable", "", "", "")
			continue
		}
		t.row(e.Timestamp, e.EventType, e.Actor.UserID, e.Resource.ID, e.Outcome)
	}
}
