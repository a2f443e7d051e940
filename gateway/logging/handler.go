package logging

import (
	"context"
	"log/slog"
)

// unnamed is the component of lines that name none.
const unnamed = "gateway"

const (
	componentKey  = "component"
	maxComponents = 64
)

// handler turns slog's records into entries.
type handler struct {
	log       *Log
	component string
	fields    []Field
	prefix    string // of the open groups, with a dot at the end
}

// Enabled reports whether a record of this level is looked at: all are, since the
// ring keeps what is not written.
func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelDebug }

// Handle takes a record.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	e := Entry{Time: r.Time, Level: r.Level, Component: h.component, Message: clean(r.Message, maxValue), Fields: h.fields[:len(h.fields):len(h.fields)]}
	r.Attrs(func(a slog.Attr) bool {
		e.Component, e.Fields = flatten(e.Component, e.Fields, h.prefix, a)
		return true
	})
	if e.Component == "" {
		e.Component = unnamed
	}
	h.log.take(e)
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.fields = h.fields[:len(h.fields):len(h.fields)]
	for _, a := range attrs {
		h.component, h.fields = flatten(h.component, h.fields, h.prefix, a)
	}
	if h.component != "" { // a part that has had nothing to say may be asked for more
		h.log.mu.Lock()
		defer h.log.mu.Unlock()
		h.log.note(h.component)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

// flatten adds an attribute: members of a group get the group's name in front.
func flatten(component string, fields []Field, prefix string, a slog.Attr) (string, []Field) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, m := range v.Group() {
			component, fields = flatten(component, fields, prefix, m)
		}
	case prefix == "" && a.Key == componentKey && v.Kind() == slog.KindString:
		component = v.String()
	case len(fields) < maxFields:
		fields = append(fields, Field{clean(prefix+a.Key, maxKey), text(v)})
	}
	return component, fields
}
