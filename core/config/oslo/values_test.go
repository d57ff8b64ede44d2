package oslo

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestList(t *testing.T) {
	tests := []struct {
		text  string
		quote byte
		want  []string
		err   error
	}{
		{`"a", b c;d,,`, 0, []string{`"a"`, "b c;d"}, nil},
		{",", 0, []string{}, nil},
		{"", 0, []string{}, nil},
		{" \n a,\nb ", 0, []string{"a", "b"}, nil},
		{"a,,b", 0, nil, ErrEmptyItem},
		{", a", 0, nil, ErrEmptyItem},
		{"a, ,", 0, nil, ErrEmptyItem},
		{"a','b", '\'', nil, ErrItemQuotes},
		{"a,b", '\'', []string{"a", "b"}, nil},
		{"a'b", '\'', []string{"a'b"}, nil},
	}
	for _, test := range tests {
		got, err := List(test.text, test.quote)
		if !reflect.DeepEqual(got, test.want) || !errors.Is(err, test.err) {
			t.Errorf("List(%q) = %q, %v; want %q, %v", test.text, got, err, test.want, test.err)
		}
	}
}

func TestBool(t *testing.T) {
	for text, want := range map[string]bool{
		"true": true, "1": true, "on": true, "yes": true, "TRUE": true, "oN": true,
		"false": false, "0": false, "off": false, "no": false, "False": false, "NO": false,
	} {
		if got, err := Bool(text); got != want || err != nil {
			t.Errorf("Bool(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " no", "\nno", "no ", "f", "t", "y", "2", "falſe"} {
		if _, err := Bool(text); !errors.Is(err, ErrNotBoolean) {
			t.Errorf("Bool(%q): %v", text, err)
		}
	}
}

func TestInt(t *testing.T) {
	for text, want := range map[string]int64{
		" 7 ": 7, //nolint:gocritic // white space is the point
		"0":   0, "-0_07": -7, "+5": 5, "\n7": 7, "1_000": 1000, "007": 7, "\u20037": 7, "٣١": 31, "１２": 12,
		"𝟘𝟙𝟡": 19, "9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808,
	} {
		if got, set, err := Int(text); got != want || !set || err != nil {
			t.Errorf("Int(%q) = %d, %v, %v; want %d", text, got, set, err, want)
		}
	}
	for _, text := range []string{"", " ", "\n"} {
		if _, set, err := Int(text); set || err != nil {
			t.Errorf("Int(%q): %v, %v; want it not set", text, set, err)
		}
	}
	for text, want := range map[string]error{
		"7.0": ErrNotInteger, "0x7": ErrNotInteger, "7 0": ErrNotInteger, "- 7": ErrNotInteger, "--7": ErrNotInteger, "+": ErrNotInteger,
		"_7": ErrNotInteger, "7_": ErrNotInteger, "7__0": ErrNotInteger, "x": ErrNotInteger, "½": ErrNotInteger, "²": ErrNotInteger,
		"9223372036854775808": ErrTooLarge,
	} {
		if _, set, err := Int(text); set || !errors.Is(err, want) {
			t.Errorf("Int(%q): %v, %v; want %v", text, set, err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"$name ${name}":      "<name@1> <name@7>",
		"$a.b.c_9-x":         "<a.b.c_9@1>-x",
		"$host. $host.eu":    "<host.@1> <host.eu@8>",
		"${host}.eu":         "<host@1>.eu",
		"é$a":                "é<a@2>",
		"$$name \\$name":     "$name $name",
		"$9 $- ${ ${a b} a$": "$9 $- ${ ${a b} a$",
		`\\$$`:               `\$$`,
		"$$$a":               "$<a@3>",
		"${$a}":              "${<a@3>}",
		"$_A9":               "<_A9@1>",
		"$é":                 "$é",
		"$ſ":                 "<ſ@1>",
		"plain":              "plain",
		"":                   "",
	} {
		got := Expand(text, func(r Reference) string { return fmt.Sprintf("<%s@%d>", r.Name, r.At) })
		if got != want {
			t.Errorf("Expand(%q) = %q, want %q", text, got, want)
		}
	}
	if got := Expand("$a", func(Reference) string { return "$b" }); got != "$b" {
		t.Errorf("what is put in was searched again: %q", got)
	}
}

func TestSectionName(t *testing.T) {
	for header, want := range map[string]string{"DEFAULT": "DEFAULT", "Default": "default", "SSM": "ssm", "İ": "i̇", "DEFAULT@Ifca": "DEFAULT@ifca", "Default@x": "default@x", "SSM@LAB": "ssm@lab"} {
		if got := SectionName(header); got != want {
			t.Errorf("SectionName(%q) = %q, want %q", header, got, want)
		}
	}
}
