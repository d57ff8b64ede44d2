package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
)

// maxExpanded bounds what references make of a value: options that refer to each other twice each
// would otherwise fill the memory.
const maxExpanded = 1 << 20

// expansion puts values in place of the references in one option's text.
type expansion struct {
	resolver *resolver
	option   *declared
	origin   Origin

	// secret: what was put in is one.
	secret bool
	failed bool
	size   int
}

func (e *expansion) of(text string) (string, bool) {
	text = oslo.Expand(text, e.value)
	return text, !e.failed
}

func (e *expansion) fault(format string, args ...any) string {
	e.failed = true
	e.resolver.fault(e.option, e.origin, format, args...)
	return ""
}

func (e *expansion) value(reference oslo.Reference) string {
	if e.failed && e.size > maxExpanded {
		return ""
	}
	referred, ok := e.find(reference)
	if !ok {
		return ""
	}
	if i := slices.Index(e.resolver.stack, referred); i >= 0 {
		return e.circle(i)
	}
	value, ok := e.resolver.value(referred)
	if !ok {
		// Its own problem has been said; this value has none of its own.
		e.failed = true
		return ""
	}
	if value.Secret {
		e.secret = true
	}
	text := ""
	switch typed := value.Any().(type) {
	case string:
		text = typed
	case int64:
		text = strconv.FormatInt(typed, 10)
	case bool:
		// As Python writes them, since oslo.config does.
		text = "False"
		if typed {
			text = "True"
		}
	case []string:
		// oslo.config would put in Python's notation for a list: brackets, quotes and all.
		return e.fault("%s refers to %v, which is a list; write its value here", e.shown(reference), referred)
	}
	e.size += len(text)
	if e.size > maxExpanded {
		return e.fault("the references make the value longer than %d bytes", maxExpanded)
	}
	return text
}

// find is the option that a reference means: [SECTION] NAME for $SECTION.NAME; for a plain $NAME one of
// the section that owns the referring option, else of DEFAULT. Only current names are found.
func (e *expansion) find(reference oslo.Reference) (key, bool) {
	schema, own := e.resolver.schema, e.option.GetSection()
	section, name, dotted := strings.Cut(reference.Name, ".")
	found := key{section, name}
	if dotted {
		if _, ok := schema.options[found]; ok && section != oslo.DefaultSection {
			return found, true
		}
		e.unknown(reference, found)
		return key{}, false
	}
	found = key{own, reference.Name}
	if _, ok := schema.options[found]; ok && own != oslo.DefaultSection {
		return found, true
	}
	if schema.sections[reference.Name] {
		e.fault("%s is a section, not an option%s", e.shown(reference), advice)
		return key{}, false
	}
	found = key{oslo.DefaultSection, reference.Name}
	if _, ok := schema.options[found]; ok {
		return found, true
	}
	e.unknown(reference, found)
	return key{}, false
}

const advice = "; write $$ where a dollar sign is meant"

func (e *expansion) unknown(reference oslo.Reference, wanted key) {
	hint := ""
	if !e.option.GetSecret() {
		hint = e.resolver.schema.hint(wanted, func(k key) string {
			if k.section == oslo.DefaultSection {
				return "$" + k.name
			}
			return "$" + k.section + "." + k.name
		})
	}
	e.fault("%s is no known option%s%s", e.shown(reference), hint, advice)
}

// shown is how a person is told which reference is at fault. In a secret it is a part of the secret.
func (e *expansion) shown(reference oslo.Reference) string {
	if e.option.GetSecret() {
		return fmt.Sprintf("the $ that is character %d of the value starts a reference; it", reference.At)
	}
	return "$" + oneLine(shortened(reference.Name))
}

// circle says that the options on the stack, from the given one on, refer to each other. It says so of
// one that the operator wrote: the last one met may have its reference from a default.
func (e *expansion) circle(start int) string {
	e.failed = true
	option, origin := e.option, e.origin
	var chain []string
	for _, k := range e.resolver.stack[start:] {
		chain = append(chain, k.String())
		if origin == (Origin{}) {
			option = e.resolver.schema.options[k]
			winner, _ := e.resolver.winner(option.Option)
			origin = winner.origin
		}
	}
	chain = append(chain, chain[0])
	e.resolver.fault(option, origin, "the value refers to itself: %s%s", strings.Join(chain, " -> "), advice)
	return ""
}
