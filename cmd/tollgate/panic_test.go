package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/policy/token"
)

// A panic on the admin side is answered 500 and logged with the place where it
// happened, and nothing of what it says: it could quote a secret.
func TestAdminPanicQuotesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig)
	for _, fault := range []any{"panic about SECRET", errors.New("panic about SECRET"), struct{ Key string }{"SECRET"}} {
		handler, err := admin.New(admin.Options{
			Store: s.house.store, Minter: adminMinter{s.house.minter}, Catalogue: s.house.catalogue,
			Explainer:       func(context.Context, admin.Inquiry) (admin.Explanation, error) { panic(fault) },
			BootstrapDigest: token.DigestOf([]byte(bootstrap)), Logger: s.house.log, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/admin/v1/explain", strings.NewReader(`{"credential":"SECRET","request":{"method":"GET","path":"/x","client_ip":"127.0.0.1"}}`))
		r.Host = "127.0.0.1"
		r.Header.Set("Authorization", "Bearer "+bootstrap)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "SECRET") {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	}
	if log := s.log.String(); strings.Count(log, "admin panic") != 3 || !strings.Contains(log, "panic_test.go") || strings.Contains(log, "SECRET") {
		t.Errorf("the log says %s", log)
	}
}
