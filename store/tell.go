package store

import (
	"bytes"
	"net/url"

	"tollgate/policy/token"
)

// What audit rows tell of things: never a secret, a digest or a full number.

func tokenTarget(h token.Handle) token.AuditTarget {
	return token.AuditTarget{Kind: "token", ID: string(h)}
}

func merchantTarget(id string) token.AuditTarget {
	return token.AuditTarget{Kind: "merchant", ID: id}
}

func userTarget(id string) token.AuditTarget { return token.AuditTarget{Kind: "user", ID: id} }

func keyTarget(id string) token.AuditTarget { return token.AuditTarget{Kind: "admin_key", ID: id} }

// numberTarget names a number by its token and its last two digits.
func numberTarget(h token.Handle, e164 string) token.AuditTarget {
	return token.AuditTarget{Kind: "phone", ID: string(h) + "/" + token.MaskPhone(e164)}
}

func tellMerchant(m *token.Merchant) object {
	return object{"name": m.Name, "status": standing(m.Active), "ip_whitelist": m.IPRanges,
		"webhook": tellWebhook(m.Webhook), "version": m.Version}
}

func standing(active bool) string {
	if active {
		return "active"
	}
	return "suspended"
}

func tellToken(t *token.Token) object {
	return object{
		"name": t.Name, "description": t.Description, "environment": t.Environment.String(), "mode": t.Mode.String(),
		"parent_id": string(t.Parent), "enabled": t.Enabled, "enhanced_security": t.Enhanced,
		"ip_whitelist": t.Bounds.IPRanges, "allowed_methods": t.Bounds.Methods, "permissions": t.Bounds.Permissions,
		"composition": t.Bounds.Composition, "restricts": tellRestricts(t.Bounds.Restricts), "rate": t.Bounds.Rate,
		"client_cert_sha256": t.Bounds.ClientCerts, "quota": t.Bounds.Quota,
		"webhook":    tellWebhook(t.Webhook),
		"expires_at": tellInstant(t.ExpiresAt), "revoked_at": tellInstant(t.RevokedAt),
		"client_id": t.ClientID, "phone_count": t.Numbers, "version": t.Version,
	}
}

func tellWebhook(h token.Webhook) object {
	return object{"url": tellURL(h.URL), "format": h.Format}
}

// tellUser leaves the password out in every form.
func tellUser(u *token.User) object {
	return object{"email": u.Email, "role": string(u.Role), "merchant_id": u.Merchant, "enabled": u.Enabled, "version": u.Version}
}

func tellFamily(f *token.Family) object {
	return object{"family": f.ID, "generation": f.Generation, "preauthorised": f.Preauthorised,
		"ends_at": tellInstant(f.EndsAt), "ended_at": tellInstant(f.EndedAt)}
}

func tellRestricts(r token.Restricts) object {
	return object{"composition": r.Composition, "phones": r.Phones, "ip": r.IP, "methods": r.Methods, "client_cert": r.ClientCert}
}

func tellNumber(n *token.Number) object {
	return object{"country": n.Country, "number": token.MaskPhone(n.E164), "enabled": n.Enabled}
}

func tellCredential(c *token.Credential) object {
	return object{"credential": c.Kind.String(), "generation": c.Generation, "ends_at": tellInstant(c.EndsAt)}
}

func tellCredentials(list []token.Credential) []any {
	told := make([]any, len(list))
	for i := range list {
		told[i] = tellCredential(&list[i])
	}
	return told
}

func tellAdminKey(k *token.AdminKey) object {
	return object{"name": k.Name, "role": string(k.Role), "merchant_id": k.Merchant, "ended_at": tellInstant(k.EndedAt)}
}

// tellInstant is null for never.
func tellInstant(i token.Instant) any {
	if i == 0 {
		return nil
	}
	return i.Time().Format("2006-01-02T15:04:05.000000Z")
}

// tellURL names a URL's host only: people put secrets into paths and queries.
func tellURL(s string) string {
	u, err := url.Parse(s)
	if s == "" || err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// differences leaves in each object only what the other says differently.
func differences(before, after object) (was, is object) {
	was, is = object{}, object{}
	for name, old := range before {
		x, errX := canonical(old)
		y, errY := canonical(after[name])
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			was[name], is[name] = old, after[name]
		}
	}
	return was, is
}
