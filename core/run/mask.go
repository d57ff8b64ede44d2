package run

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/report"
)

// minMaskedLength is the length of the shortest secret that is masked. A shorter one occurs
// everywhere: masking it would hide more than it protects.
const minMaskedLength = 4

// masker replaces secrets in everything that a run returns or logs. Plugins must not log secrets;
// the masker covers those that do, and errors of libraries that quote what they sent. As the output
// of a logger it relies on each line arriving in one call, as hclog sends them.
type masker struct {
	outputs []logOutput
	secrets atomic.Pointer[strings.Replacer]
}

// setSecrets replaces the list of secrets.
func (m *masker) setSecrets(secrets []string) {
	var spellings []string
	for _, secret := range secrets {
		if len(secret) >= minMaskedLength {
			spellings = append(spellings, spellingsOf(secret)...)
		}
	}
	// Where one is a part of another, the longer one has to be replaced.
	slices.SortFunc(spellings, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, spelling := range slices.Compact(spellings) {
		pairs = append(pairs, spelling, "***")
	}
	m.secrets.Store(strings.NewReplacer(pairs...))
}

// spellingsOf returns how a secret looks like in what programs print: as it is, quoted by Go and
// Python, in JSON, in a URL, in a shell's quotes, and in base64, also as a part of a longer text.
func spellingsOf(secret string) []string {
	inner := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	spellings := []string{
		secret,
		inner(strconv.Quote(secret)),
		inner(strconv.QuoteToASCII(secret)),
		inner(jsonText(secret, true)),
		inner(jsonText(secret, false)),
		inner(strings.ReplaceAll(jsonText(secret, false), "/", `\/`)),
		url.QueryEscape(secret),
		url.PathEscape(secret),
		strings.TrimPrefix(url.UserPassword("", secret).String(), ":"),
		strings.ReplaceAll(secret, "'", `'\''`),
		strings.ReplaceAll(secret, "'", `'"'"'`),
		strings.ReplaceAll(secret, "'", `\'`),
		shellSpecial.ReplaceAllString(secret, `\$0`),
		hex.EncodeToString([]byte(secret)),
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			spellings = append(spellings, base64Part(encoding, secret, before))
		}
	}
	return slices.DeleteFunc(spellings, func(s string) bool { return len(s) < minMaskedLength })
}

var shellSpecial = regexp.MustCompile(`[^A-Za-z0-9_./:=@%+,-]`)

func jsonText(text string, escapeHTML bool) string {
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(text) // a string has no error
	return strings.TrimSuffix(encoded.String(), "\n")
}

// base64Part returns the characters that depend on the secret alone where it stands so many bytes,
// modulo 3, after the start of an encoded text, such as user:password.
func base64Part(encoding *base64.Encoding, secret string, before int) string {
	encoded := encoding.EncodeToString(append(make([]byte, before), secret...))
	start := (before*8 + 5) / 6
	end := (before + len(secret)) * 8 / 6
	return encoded[start:end]
}

// mask returns the text with each secret replaced, and the password of each URL.
func (m *masker) mask(text string) string {
	if secrets := m.secrets.Load(); secrets != nil {
		text = secrets.Replace(text)
	}
	return config.MaskURLPasswords(text)
}

// Write writes a line of no level.
func (m *masker) Write(line []byte) (int, error) { return m.LevelWrite(hclog.NoLevel, line) }

// LevelWrite writes a line with each secret replaced. It returns the length of the line that it was
// given.
func (m *masker) LevelWrite(level hclog.Level, line []byte) (int, error) {
	masked := []byte(m.mask(string(line)))
	var errs []error
	for _, write := range m.outputs {
		errs = append(errs, write(level, masked))
	}
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	return len(line), nil
}

// maskReport replaces secrets in the texts of a report.
func (m *masker) maskReport(run *report.Run) {
	m.maskProblems(run.Problems)
	for _, window := range run.Windows {
		m.maskProblems(window.Problems)
	}
	for _, messenger := range run.Messengers {
		m.maskProblems(messenger.Problems)
	}
}

func (m *masker) maskProblems(problems []report.Problem) {
	for i := range problems {
		problems[i].Summary = m.mask(problems[i].Summary)
		problems[i].Detail = m.mask(problems[i].Detail)
		problems[i].Resource = m.mask(problems[i].Resource)
	}
}
