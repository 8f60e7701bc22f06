package facts

import (
	"slices"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// The codes that providers document are known, each in its own country.
func TestShippedCatalogueKnowsProvidersCodes(t *testing.T) {
	c := shippedCatalogue(t)
	for country, codes := range map[string]map[string]string{
		"CI": {
			"OM": "ORANGE", "ORANGE_CIV": "ORANGE", "orange-money-ci": "ORANGE", "ORANGE_MONEY_CI": "ORANGE", "orange": "ORANGE",
			"MTN_MOMO_CIV": "MTN", "MOMO": "MTN", "mtn-ci": "MTN", "MTN_MONEY_CI": "MTN",
			"FLOOZ": "MOOV", "moov-ci": "MOOV", "FLOOZ_MONEY_CI": "MOOV",
			"WAVE_CIV": "WAVE", "WAVECI": "WAVE", "wave-ci": "WAVE", "WAVE_MONEY_CI": "WAVE", "WAVE_CI": "WAVE", "VISAM": "CARD",
		},
		"ML": {"OMML": "ORANGE", "orange-money-mali": "ORANGE", "MOOVML": "MOOV", "Mobicash": "MOOV", "WAVE": "WAVE"},
		"SN": {
			"OMSN": "ORANGE", "orange-money-senegal": "ORANGE", "WAVESN": "WAVE", "WAVE_SEN": "WAVE", "wave-senegal": "WAVE",
			"FREESN": "FREEMONEY", "FREE_SEN": "FREEMONEY", "free-money-senegal": "FREEMONEY", "Free": "FREEMONEY",
			"EXPRESSOSN": "EMONEY", "expresso-senegal": "EMONEY", "Emoney": "EMONEY", "WIZALL": "WIZALL",
		},
		"BF": {"OMBF": "ORANGE", "ORANGE_BFA": "ORANGE", "MOOVBF": "MOOV", "MOOV_BFA": "MOOV", "Mobicash": "MOOV", "WAVE": "WAVE", "TELECEL": "TELECEL"},
		"BJ": {"MTN_MOMO_BEN": "MTN", "mtn-benin": "MTN", "MOOV_BEN": "MOOV", "moov-benin": "MOOV", "CELTIS": "CELTIIS"},
		"TG": {"TmoneyTG": "TMONEY", "t-money-togo": "TMONEY", "Togocell": "TMONEY", "FLOOZTG": "MOOV"},
		"NE": {"AIRTEL": "AIRTEL", "MOOV": "MOOV", "ZAMANI": "ZAMANI", "AMANATA": "AMANATA", "MYNITA": "MYNITA"},
		"CM": {"MTN_MOMO_CMR": "MTN", "OMCM": "ORANGE", "ORANGE_CMR": "ORANGE", "EXPRESSUNIONCM": "EXPRESSUNION", "VISAMCM": "CARD"},
		"GA": {"AIRTEL_GAB": "AIRTEL", "Mobicash": "MOOV"},
		"CG": {"MTN_MOMO_COG": "MTN", "AIRTEL_COG": "AIRTEL"},
		"GN": {"OM": "ORANGE", "MTN": "MTN"},
		"CD": {"VODACOM_MPESA_COD": "VODACOM", "AIRTEL": "AIRTEL", "ORANGE_COD": "ORANGE"},
		"GH": {"MTN": "MTN", "VODAFONE_GHA": "VODAFONE", "AIRTELTIGO_GHA": "AIRTELTIGO", "AT": "AIRTELTIGO"},
		"KE": {"MPESA_KEN": "SAFARICOM", "MPS": "SAFARICOM", "MPESA": "SAFARICOM", "AIRTEL": "AIRTEL"},
		"UG": {"MTN": "MTN", "AIRTEL_OAPI_UGA": "AIRTEL"}, "RW": {"MTN_MOMO_RWA": "MTN", "AIRTEL": "AIRTEL"},
		"TZ": {"VODACOM": "VODACOM", "AIRTEL": "AIRTEL", "TIGO_TZA": "TIGO", "HALOPESA": "HALOTEL"},
		"ZM": {"MTN": "MTN", "AIRTEL_OAPI_ZMB": "AIRTEL", "ZAMTEL": "ZAMTEL"}, "NG": {"MTN": "MTN", "AIRTEL": "AIRTEL"},
		"MW": {"AIRTEL": "AIRTEL", "TNM": "TNM"}, "MZ": {"VODACOM": "VODACOM", "MOVITEL": "MOVITEL"}, "SL": {"OM": "ORANGE"},
		"ET": {"MPESA": "MPESA", "AMOLEMONEY": "AMOLEMONEY"}, "LS": {"MPESA": "MPESA"}, "GM": {"WAVE": "WAVE", "AFRIMONEY": "AFRIMONEY"},
	} {
		for code, want := range codes {
			if id, ok := c.Operator(country, []byte(code)); id != want {
				t.Errorf("%s %s is %q (%v), want %s", country, code, id, ok, want)
			}
		}
	}
	if id, ok := c.Operator("ML", []byte("ORANGE_MONEY_CI")); ok {
		t.Errorf("Côte d'Ivoire's code is known in Mali, as %s", id)
	}
	if want := []string{"collect", "disburse", "cashout", "card", "refund"}; !slices.Equal(c.Methods(), want) {
		t.Errorf("methods %v, want %v", c.Methods(), want)
	}
	for _, code := range []string{"TD", "CF", "GQ", "GW", "tcd", "CAF", "GNQ", "GNB", "GIN"} {
		if _, ok := c.Country([]byte(code)); !ok {
			t.Errorf("country %s is not known", code)
		}
	}
}

// Dial codes, lengths and trunk zeros are those of the phone library.
func TestShippedCatalogueAgreesWithThePhoneLibrary(t *testing.T) {
	for _, k := range shippedCatalogue(t).Countries() {
		region := phonenumbers.GetRegionCodeForCountryCode(phonenumbers.GetCountryCodeForRegion(k.Alpha2))
		if region != k.Alpha2 {
			t.Errorf("%s is %s to the library", k.Alpha2, region)
		}
		if e164 := phonenumbers.Format(phonenumbers.GetExampleNumberForType(k.Alpha2, phonenumbers.MOBILE), phonenumbers.E164); e164[:1+len(k.Dial)] != "+"+k.Dial {
			t.Errorf("%s: dial %s, the library has %s", k.Alpha2, k.Dial, e164)
		} else if n := len(e164) - 1 - len(k.Dial); !slices.Contains(k.Lengths, n) {
			t.Errorf("%s: lengths %v, the library's example %s has %d", k.Alpha2, k.Lengths, e164, n)
		}
		if trunk := phonenumbers.GetNddPrefixForRegion(k.Alpha2, true) == "0"; trunk != k.Trunk {
			t.Errorf("%s: trunk %v, the library says %v", k.Alpha2, k.Trunk, trunk)
		}
	}
}
