package policy

import (
	"strings"
	"testing"
)

func TestCatalogueLooksUpWhateverTheCase(t *testing.T) {
	c := testCatalogue(t)
	f := func(code, want string) {
		t.Helper()
		got, known := c.Country([]byte(code))
		if got != want || known != (want != "") {
			t.Errorf("Country(%q) = %q, %v; want %q", code, got, known, want)
		}
	}
	f("CI", "CI")
	f("ci", "CI")
	f("CIV", "CI")
	f("civ", "CI")
	f("FR", "")
	f("", "")
	f("C", "")
	f("CI ", "")
	f("\xe7i", "")
	f(strings.Repeat("CI", 100), "")
}

func TestAliasesHoldInTheirCountryOnly(t *testing.T) {
	c := testCatalogue(t)
	f := func(country, code, want string) {
		t.Helper()
		got, known := c.Operator(country, []byte(code))
		if got != want || known != (want != "") {
			t.Errorf("Operator(%q, %q) = %q, %v; want %q", country, code, got, known, want)
		}
	}
	f("CI", "OM", "ORANGE")
	f("CI", "orange", "ORANGE")
	f("CIV", "Orange_Money_ci", "ORANGE")
	f("ML", "OMML", "ORANGE")
	f("CI", "OMML", "")
	f("CI", "MOMO", "MTN") // one word, two operators: the country decides
	f("ML", "MOMO", "MOOV")
	f("BJ", "OM", "")
	f("FR", "OM", "")
	f("", "OM", "")
	f("CI", "", "")
	f("CI", strings.Repeat("x", 100), "")
	f(strings.Repeat("x", 100), "OM", "")
}

func TestMethodsHaveNoAliases(t *testing.T) {
	c := testCatalogue(t)
	f := func(word, want string) {
		t.Helper()
		if got, known := c.Method([]byte(word)); got != want || known != (want != "") {
			t.Errorf("Method(%q) = %q, %v; want %q", word, got, known, want)
		}
	}
	f("collect", "collect")
	f("COLLECT", "collect")
	for _, word := range []string{"deposit", "withdraw", "CASHIN", "payout", "payin", "MERCHANT", ""} {
		f(word, "")
	}
}

func TestCountryByDial(t *testing.T) {
	c := testCatalogue(t)
	f := func(dial, want string) {
		t.Helper()
		if got, known := c.CountryByDial([]byte(dial)); got != want || known != (want != "") {
			t.Errorf("CountryByDial(%q) = %q, %v; want %q", dial, got, known, want)
		}
	}
	f("225", "CI")
	f("+225", "CI")
	f("00225", "CI")
	f("1", "") // two countries of the catalogue share it
	f("22", "")
	f("2250", "")
	f("", "")
	f("+", "")
	f("00", "")
}

func TestCatalogueIsItsOwn(t *testing.T) {
	c := testCatalogue(t)
	list := c.Countries()
	for i := range list {
		list[i].Alpha2 = "XX"
		for j := range list[i].Operators {
			list[i].Operators[j].ID = "X"
			list[i].Operators[j].Aliases = nil
		}
		for j := range list[i].Lengths {
			list[i].Lengths[j] = 0
		}
	}
	c.Methods()[0] = "x"
	if c.Countries()[0].Alpha2 == "XX" || c.Methods()[0] == "x" {
		t.Error("a caller changed the catalogue through what it was given")
	}
	if ci := c.Countries()[4]; ci.Alpha2 != "CI" || ci.Lengths[0] != 10 || ci.Operators[0].ID != "ORANGE" || len(ci.Operators[0].Aliases) == 0 {
		t.Errorf("a caller changed the catalogue through what it was given: %+v", ci)
	}
}

func TestNewCatalogueSaysWhatIsWrong(t *testing.T) {
	good := func() Country { return Country{Alpha2: "CI", Alpha3: "CIV", Dial: "225", Lengths: []int{10}} }
	f := func(name, want string, change func(*Country), more ...Country) {
		t.Helper()
		one := good()
		change(&one)
		_, err := NewCatalogue(append([]Country{one}, more...), []string{"collect"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v; it should say %q", name, err, want)
		}
	}
	nothing := func(*Country) {}
	f("alpha-2", "two capital letters", func(c *Country) { c.Alpha2 = "ci" })
	f("alpha-3", "three capital letters", func(c *Country) { c.Alpha3 = "CI" })
	f("dial", "one to three digits", func(c *Country) { c.Dial = "+225" })
	f("dial of zeros", "one to three digits", func(c *Country) { c.Dial = "00" })
	f("length", "4 to 14 digits", func(c *Country) { c.Lengths = []int{40} })
	f("code twice", "is CI's already", nothing, Country{Alpha2: "ML", Alpha3: "CIV", Dial: "223"})
	f("nested dial", "one begins the other", nothing, Country{Alpha2: "ML", Dial: "22"})
	f("alias of two", `"om" names both`, func(c *Country) {
		c.Operators = []Operator{{ID: "ORANGE", Aliases: []string{"OM"}}, {ID: "OTHER", Aliases: []string{"om"}}}
	})
	f("empty operator", "is empty", func(c *Country) { c.Operators = []Operator{{}} })
	f("spaced operator", "visible ASCII", func(c *Country) { c.Operators = []Operator{{ID: "ORANGE MONEY"}} })
	f("long operator", "longer than 64", func(c *Country) { c.Operators = []Operator{{ID: strings.Repeat("A", 65)}} })
	f("legacy half", "legacy needs", func(c *Country) { c.Legacy.Length = 8 })
	f("legacy of today", "length of today as well", func(c *Country) { c.Legacy = Legacy{10, "01"} })
	f("legacy to nothing", "make no length", func(c *Country) { c.Legacy = Legacy{8, "1"} })

	if _, err := NewCatalogue(nil, []string{"collect", "COLLECT"}); err == nil || !strings.Contains(err.Error(), "listed twice") {
		t.Errorf("a method listed twice: %v", err)
	}
	if _, err := NewCatalogue(nil, []string{"pay in"}); err == nil {
		t.Error("a method with a space was taken")
	}
	if _, err := NewCatalogue(nil, make([]string, maxMethods+1)); err == nil {
		t.Error("more methods than a rule can hold were taken")
	}
}

func TestAllOfACataloguesFaultsAreToldAtOnce(t *testing.T) {
	_, err := NewCatalogue([]Country{{Alpha2: "c", Dial: "0"}, {Alpha2: "ML", Alpha3: "M", Dial: "223"}}, []string{""})
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("four faults should be four lines: %v", err)
	}
}
