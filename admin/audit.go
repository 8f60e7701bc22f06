package admin

import (
	"cmp"
	"context"
	"encoding/hex"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

// auditView is one row of the audit log.
type auditView struct {
	Seq        int64             `json:"seq"`
	At         time.Time         `json:"at"`
	Actor      token.Actor       `json:"actor"`
	Action     string            `json:"action"`
	Target     token.AuditTarget `json:"target"`
	MerchantID string            `json:"merchant_id"`
	IP         string            `json:"ip"`
	RequestID  string            `json:"request_id"`
	Before     state             `json:"before" doc:"What changed, as it was; null for nothing"`
	After      state             `json:"after" doc:"What changed, as it is; null for nothing"`
	PrevHash   string            `json:"prev_hash"`
	Hash       string            `json:"hash" doc:"SHA-256 over the row before's hash and this row as RFC 8785 JSON without its hashes"`
}

// state is a JSON object as the audit log keeps it.
type state struct{ text []byte }

// MarshalJSONTo writes the object, or null.
func (s state) MarshalJSONTo(e *jsontext.Encoder) error {
	if s.text == nil {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteValue(jsontext.Value(s.text))
}

// Schema is any object, or null.
func (state) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[map[string]any]())
	s.Nullable = true
	return s
}

func viewAudit(row *token.AuditRow) auditView {
	return auditView{
		Seq: row.Sequence, At: row.At.Time(), Actor: row.Actor, Action: row.Action, Target: row.Target,
		MerchantID: row.Merchant, IP: row.IP, RequestID: row.RequestID,
		Before: state{row.Before}, After: state{row.After},
		PrevHash: hex.EncodeToString(row.PrevHash[:]), Hash: hex.EncodeToString(row.Hash[:]),
	}
}

type auditQuery struct {
	PageQuery
	MerchantID string `query:"merchant_id" maxLength:"100"`
	ActorKind  string `query:"actor_kind" maxLength:"100"`
	ActorID    string `query:"actor_id" maxLength:"100"`
	TargetKind string `query:"target_kind" maxLength:"100"`
	TargetID   string `query:"target_id" maxLength:"100"`
	Action     string `query:"action" maxLength:"100"`
	From       string `query:"from" format:"date-time" doc:"Rows at or after it"`
	Until      string `query:"until" format:"date-time" doc:"Rows before it"`
}

func (s *service) listAudit(ctx context.Context, v *visit, in *auditQuery) (*listAnswer[auditView], error) {
	if in.MerchantID != "" && !v.mayRead(in.MerchantID) {
		return listed(nil, "", viewAudit), nil
	}
	f := token.AuditFilter{
		Page: in.page(), Merchant: cmp.Or(v.scope(), in.MerchantID), Action: in.Action,
		Actor:  token.Actor{Kind: in.ActorKind, ID: in.ActorID},
		Target: token.AuditTarget{Kind: in.TargetKind, ID: in.TargetID},
	}
	var wrong faults
	if in.From != "" {
		f.From = readInstant(&wrong, "from", in.From)
	}
	if in.Until != "" {
		f.Until = readInstant(&wrong, "until", in.Until)
	}
	if err := wrong.problem(); err != nil {
		return nil, err
	}
	list, next, err := s.store.ListAudit(ctx, f)
	if err != nil {
		return nil, err
	}
	return listed(list, next, viewAudit), nil
}
