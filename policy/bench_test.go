package policy

import (
	"fmt"
	"net/netip"
	"testing"

	"tollgate/policy/token"
)

func BenchmarkDecide(b *testing.B) {
	f := func(name string, c *Case) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(c, nil)
			}
		})
	}
	one := busy(b, "+2250707070707")
	one.Principal.Live.Parent = nil
	f("canonical phone", one)
	national := busy(b, "0707070707")
	national.Principal.Live.Parent = nil
	f("national phone", national)
	f("with a parent", busy(b, "+2250707070707"))
	f("no bounds", payment(compiled(b, token.Bounds{})))
}

func BenchmarkStages(b *testing.B) {
	c := busy(b, "+2250707070707")
	c.Principal.Live.Parent = nil
	for name, stage := range map[string]func(*Case, *Trace) Verdict{"head": Head, "address": Address, "subject": Subject} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stage(c, nil)
			}
		})
	}
}

func BenchmarkAddress(b *testing.B) {
	for _, n := range []int{1, 4, 10, 1_000, 100_000} {
		list, err := compileAddresses(manyRanges(n), true)
		if err != nil {
			b.Fatal(err)
		}
		for name, ip := range map[string]netip.Addr{"hit": netip.MustParseAddr("10.0.0.1"), "miss": netip.MustParseAddr("192.0.2.1")} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					list.contain(ip)
				}
			})
		}
	}
}

func BenchmarkPhone(b *testing.B) {
	r := busy(b, "0707070707").Principal.Live.Rules.(*Rules)
	at, _ := r.catalogue.place([]byte("CI"))
	for _, raw := range []string{"+2250707070707", "0707070707", "2250707070707", "+225 07 07 07 07 07", "0101010101", "tel:+2250707070707", "+4412345678"} {
		b.Run(raw, func(b *testing.B) {
			fact := token.Fact{Value: []byte(raw)}
			b.ReportAllocs()
			for b.Loop() {
				r.permits(at, &fact)
			}
		})
	}
}

func BenchmarkCatalogue(b *testing.B) {
	c := testCatalogue(b)
	code := []byte("orange-money-ci")
	b.ReportAllocs()
	for b.Loop() {
		c.Operator("CI", code)
	}
}

func BenchmarkCompile(b *testing.B) {
	c := testCatalogue(b)
	bounds := token.Bounds{IPRanges: []string{"192.0.2.0/24", "198.51.100.0/24"}, Composition: token.Composition{"CI": {"ORANGE": {"collect"}, "MTN": {"collect"}}, "ML": {"ORANGE": {"collect"}}}}
	numbers := []token.Number{enabled("CI", "+2250707070707"), enabled("CI", "+2250505050505")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(c, bounds, numbers, nil); err != nil {
			b.Fatal(err)
		}
	}
}
