package wire

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"
)

const aMultipart = "--X\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\nab c\r\n--X\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\nsec_+=/\r\n--X--\r\n"

// A body is read by what it is: JSON, multipart or a form.
func TestFieldsAreSniffed(t *testing.T) {
	f := func(body, id, secret string) {
		t.Helper()
		got, ok := ReadFields([]byte(body))
		if !ok || string(got.Value("client_id")) != id || string(got.Value("client_secret")) != secret {
			t.Errorf("%q: %v, %q, %q", body, ok, got.Value("client_id"), got.Value("client_secret"))
		}
	}
	f(`{"client_id":"a","client_secret":"b"}`, "a", "b")
	f("\r\n\t {\n\"client_id\": \"a\",\n\"client_secret\": \"b\"\n}", "a", "b")
	f(`{"client_id":"a\u0062","x":{"client_secret":"n"},"y":[1]}`, "ab", "")
	f(`{"client_id":1,"client_secret":null}`, "", "")
	f("client_id=a&client_secret=b", "a", "b")
	f("client_id=a+b&client_secret=%2B%2f", "a b", "+/")
	f("&client_id=a&&client_secret=&", "a", "")
	f("client_id", "", "")
	f("", "", "")
	f(aMultipart, "ab c", "sec_+=/")
}

// What two readers could take differently is no body.
func TestAmbiguousFieldsAreRefused(t *testing.T) {
	long := strings.Repeat("a&", maxFields)
	for _, body := range []string{
		`{"client_id":"a","client_id":"b"}`, `{"client_id":"a","Client_ID":"b"}`, `{"client_id":"a"} x`, `{"client_id":"a"`, `{"a":"\ud800"}`,
		"{\"client_id\":\"\xff\"}", `{"client_id":"a\u0000"}`, strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20),
		"client_id=a&client_id=b", "client_id=a&client%5fid=b", "client_id=%", "client_id=%a", "client_id=%zz", "client_id=%00",
		"client_id=a;client_secret=b", "client_id=a b", "client_id=\xc3\xa9", "client_id=a#", "\ufeff" + `{"client_id":"a"}`,
		strings.ReplaceAll(long, "a", "a=1"), "client_id=a\n",
		"--", "--\r\n", "--X", strings.Replace(aMultipart, "--X--", "--X", 1), strings.TrimSuffix(aMultipart, "\r\n--X--\r\n"),
		strings.Replace(aMultipart, `name="client_id"`, `name="client_secret"`, 1), strings.Replace(aMultipart, `name="client_id"`, `name=""`, 1),
		strings.Replace(aMultipart, `name="client_id"`, `name="client_id"; filename="x"`, 1),
		strings.Replace(aMultipart, "\r\n\r\nab c", "\r\nContent-Transfer-Encoding: base64\r\n\r\nYWI=", 1),
		strings.ReplaceAll(aMultipart, "--X", "--"+strings.Repeat("X", 71)),
	} {
		if got, ok := ReadFields([]byte(body)); ok {
			t.Errorf("%q is read: %s", body, got.list)
		}
	}
}

// A client's own multipart library is understood.
func TestMultipartOfTheStandardLibrary(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range map[string]string{"client_id": "abc", "client_secret": "sec_x", "refresh_token": "tgr_y"} {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, ok := ReadFields(body.Bytes())
	if !ok || string(got.Value("client_id")) != "abc" || string(got.Value("refresh_token")) != "tgr_y" {
		t.Errorf("%v %s", ok, got.list)
	}
}

// Whatever is read holds each name once and no control character.
func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"client_id":"a","client_secret":"b"}`))
	f.Add([]byte("client_id=a+b&client_secret=%2B&=x"))
	f.Add([]byte(aMultipart))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		got, ok := ReadFields(body)
		if !bytes.Equal(before, body) {
			t.Fatalf("%q was written to", before)
		}
		seen := map[string]bool{}
		for _, field := range got.list {
			if seen[string(field.name)] || !printable(field.name) || !printable(field.value) {
				t.Fatalf("%q reads as %q", body, got.list)
			}
			seen[string(field.name)] = true
		}
		if !ok && got.list != nil {
			t.Fatalf("%q is refused and read", body)
		}
	})
}

// What is read as an object, the standard library reads the same way.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"data":{"groupID":"mer_x","permissions":["read"],"n":-1.5e3,"t":[true,null,[]]}}`))
	f.Add([]byte(`{"a":"\ud83d\ude00","b":"\ud800"}`))
	f.Add([]byte(`{"K":1,"k":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := ReadObject(body)
		if !ok {
			return
		}
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q reads as %v; the library: %v %v", body, got, want, err)
		}
	})
}
