package main

import (
	"strings"

	"clinicgate/gateway/config"
	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/speech"
)

// script is what a pack of a language holds: the page's own texts, the consent
// forms by their paragraphs, and what the clinic calls its places and people.
func script(settings config.Config, tag string) ([]web.Phrase, error) {
	all, err := web.Phrases(tag, folder(settings.Web.Texts))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, p := range all {
		known[p.Text] = true
	}
	add := func(text string) {
		for part := range strings.SplitSeq(text, "\n") {
			if part = speech.Key(part); part != "" && !known[part] {
				known[part] = true
				all = append(all, web.Phrase{Text: part, Said: part})
			}
		}
	}
	forms := consent.EmbeddedForms()
	if dir := folder(settings.Consent.Forms); dir != nil {
		if forms, err = consent.LoadForms(dir); err != nil {
			return nil, err
		}
	}
	for _, mode := range []kiosk.Mode{kiosk.InPerson, kiosk.Video} {
		needed, _ := forms.For(mode, tag)
		for _, f := range needed {
			add(f.Title)
			add(f.Text)
		}
	}
	for _, d := range settings.Departments {
		for _, texts := range []map[string]string{d.Name, d.Where} {
			text := texts[tag]
			if text == "" {
				text = texts[settings.Kiosk.Language()] // as the page does
			}
			add(text)
		}
	}
	for _, p := range settings.Providers {
		add(p.Name)
		add(p.Room) // where its sign is more than a number
	}
	return all, nil
}
