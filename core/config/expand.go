package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/internal/printable"
)

// maxExpandedBytes limits the size to which references expand a value: a few options that each
// refer to the previous one twice could otherwise exhaust the memory.
const maxExpandedBytes = 1 << 20

// expansion replaces the references in the text of one option by values of the resolver's view.
type expansion struct {
	resolver *resolver
	option   *declared
	origin   Origin

	// secret is set once a secret was inserted.
	secret bool
	failed bool
	size   int
}

func (e *expansion) expand(text string) (string, bool) {
	text = oslo.Expand(text, e.referenced)
	return text, !e.failed
}

func (e *expansion) faultf(format string, args ...any) string {
	e.failed = true
	e.resolver.faultf(e.option, e.origin, format, args...)
	return ""
}

// referenced returns the text that replaces a reference.
func (e *expansion) referenced(reference oslo.Reference) string {
	if e.failed && e.size > maxExpandedBytes {
		return ""
	}
	k, ok := e.find(reference)
	if !ok {
		return ""
	}
	if i := slices.Index(e.resolver.stack, k); i >= 0 {
		return e.faultCircular(i)
	}
	value, ok := e.resolver.value(k)
	if !ok {
		// Its own problem was reported; this value has none of its own.
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
		// As in Python, since oslo.config does it.
		text = "False"
		if typed {
			text = "True"
		}
	case []string:
		// oslo.config would insert Python's notation of a list: brackets, quotes and all.
		return e.faultf("%s refers to %v, which is a list; write the value itself", e.describe(reference), k)
	}
	e.size += len(text)
	if e.size > maxExpandedBytes {
		return e.faultf("references expand the value to more than %d bytes", maxExpandedBytes)
	}
	return text
}

// find returns the option that a reference means: [SECTION] NAME for $SECTION.NAME; for a plain
// $NAME one of the section that owns the referring option, else of DEFAULT. Old names are not
// found.
func (e *expansion) find(reference oslo.Reference) (key, bool) {
	schema, own := e.resolver.schema, e.option.GetSection()
	section, name, dotted := strings.Cut(reference.Name, ".")
	k := key{section, name}
	if dotted {
		if _, ok := schema.options[k]; ok && section != oslo.DefaultSection {
			return k, true
		}
		e.faultUnknown(reference, k)
		return key{}, false
	}
	k = key{own, reference.Name}
	if _, ok := schema.options[k]; ok && own != oslo.DefaultSection {
		return k, true
	}
	if schema.sections[reference.Name] {
		e.faultf("%s is a section, not an option; %s", e.describe(reference), dollarAdvice)
		return key{}, false
	}
	k = key{oslo.DefaultSection, reference.Name}
	if _, ok := schema.options[k]; ok {
		return k, true
	}
	e.faultUnknown(reference, k)
	return key{}, false
}

const dollarAdvice = "write $$ for a dollar sign"

func (e *expansion) faultUnknown(reference oslo.Reference, wanted key) {
	hint := ""
	if !e.option.GetSecret() {
		hint = e.resolver.schema.hint(wanted, func(k key) string {
			if k.section == oslo.DefaultSection {
				return "$" + k.name
			}
			return "$" + k.section + "." + k.name
		})
	}
	e.faultf("%s is not a known option%s; %s", e.describe(reference), hint, dollarAdvice)
}

// describe returns how a message names a reference. In a secret, the name is a part of the secret.
func (e *expansion) describe(reference oslo.Reference) string {
	if e.option.GetSecret() {
		return fmt.Sprintf("the reference that starts with the $ at character %d of the value", reference.At)
	}
	return "$" + printable.OneLine(shortened(reference.Name))
}

// faultCircular reports that the options on the stack, from the given one on, refer to each other.
// It does so for one that a file has: the last one on the stack may have its reference from a
// default.
func (e *expansion) faultCircular(start int) string {
	e.failed = true
	option, origin := e.option, e.origin
	var chain []string
	for _, k := range e.resolver.stack[start:] {
		chain = append(chain, k.String())
		if origin == (Origin{}) {
			option = e.resolver.schema.options[k]
			winner, _ := e.resolver.winner(option)
			origin = winner.origin
		}
	}
	chain = append(chain, chain[0])
	e.resolver.faultf(option, origin, "circular reference: %s; %s", strings.Join(chain, " -> "), dollarAdvice)
	return ""
}
