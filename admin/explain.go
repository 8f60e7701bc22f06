package admin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"tollgate/policy"
	"tollgate/policy/token"
)

// Explainer judges a request that nobody made by the very code that judges
// those that are made. It forwards nothing and changes nothing: no last use, no
// rate, no replay memory, no cache. It keeps neither the credential nor the
// body, whose bytes are the caller's again when it returns. An error means that
// it could not tell.
type Explainer func(context.Context, Inquiry) (Explanation, error)

// Inquiry is a request to judge and whose it is: the token's by its handle, or
// whoever the credential proves. One of the two is given.
type Inquiry struct {
	Handle     token.Handle
	Credential string
	Method     string
	Host       string // "": the host of whichever route matches the rest
	Path       string // with its query
	Headers    []Header
	Body       []byte
	ClientIP   netip.Addr   // the zero address: not said
	ClientCert token.Digest // of the client certificate's DER; the zero digest: none
}

// Header is one header field of an inquiry.
type Header struct{ Name, Value string }

// Explanation is what would have happened, and every check on the way there.
type Explanation struct {
	Allowed   bool
	Reason    token.Reason
	WouldDeny token.Reason // in monitor mode; Allowed: nothing
	Status    int          // that the gateway itself would answer with; 200 when it would forward
	Checks    []Check
	Handle    token.Handle // whose it was, "" when the credential is nobody's
	Merchant  string
}

// Check is one row of the order of checks.
type Check struct {
	Name   string
	Passed bool
	Detail string
}

type explainOrder struct {
	TokenID    string         `json:"token_id,omitempty" doc:"tok_…; or credential"`
	Credential string         `json:"credential,omitempty" doc:"A secret as it would be presented; for operators and admins"`
	Request    explainRequest `json:"request"`
}

type explainRequest struct {
	Method     string                  `json:"method"`
	Host       string                  `json:"host,omitempty" doc:"Left out: the route's"`
	Path       string                  `json:"path" doc:"With its query"`
	Headers    map[string]headerValues `json:"headers,omitempty"`
	Body       string                  `json:"body,omitempty"`
	BodyBase64 string                  `json:"body_base64,omitempty" doc:"Instead of body, for what is no text"`
	ClientIP   string                  `json:"client_ip,omitempty"`
	ClientCert string                  `json:"client_cert_sha256,omitempty" doc:"SHA-256 of the client certificate it would come with"`
}

// headerValues is one value, or a list of them.
type headerValues []string

// UnmarshalJSON reads a string or a list of strings.
func (h *headerValues) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*h = headerValues{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(h))
}

// Schema is a string or a list of strings.
func (headerValues) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}}}
}

type explanationView struct {
	Allowed   bool        `json:"allowed"`
	Reason    string      `json:"reason"`
	Status    int         `json:"status"`
	WouldDeny string      `json:"would_deny,omitempty" doc:"In monitor mode: the reason that was let pass"`
	TokenID   string      `json:"token_id,omitempty"`
	Checks    []checkView `json:"checks" nullable:"false"`
}

type checkView struct {
	Check  string `json:"check"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

type explanationAnswer struct{ Body explanationView }

func (s *service) explain(ctx context.Context, v *visit, in *struct{ Body document[explainOrder] }) (*explanationAnswer, error) {
	if ok, wait := s.explains.take(v.actor.Kind + v.actor.ID); !ok {
		return nil, refuse(http.StatusTooManyRequests, codeRateLimited, "Too many explanations were asked for; wait before the next.").retryIn(wait)
	}
	sent, err := s.forms.explain.read(in.Body)
	if err != nil {
		return nil, err
	}
	var order explainOrder
	sent.as(&order)
	inquiry := readInquiry(&order, &sent.faults)
	if err := sent.faults.problem(); err != nil {
		return nil, err
	}
	asked, err := s.mayAsk(ctx, v, &order)
	if err != nil {
		return nil, err
	}
	e, err := s.explainer(ctx, inquiry)
	if err != nil {
		return nil, missing(err, "token")
	}
	if e.Handle == "" { // refused before it mattered whose the request is
		e.Handle, e.Merchant = asked.Handle, asked.Merchant
	}
	if err := s.noteExplanation(ctx, v, &e); err != nil {
		return nil, err
	}
	return &explanationAnswer{Body: viewExplanation(&e)}, nil
}

// mayAsk keeps explain from becoming an oracle: what a credential is worth is
// told to operators and admins only, and a merchant hears of its own tokens. It
// answers the token that is asked about by its id.
func (s *service) mayAsk(ctx context.Context, v *visit, order *explainOrder) (token.Token, error) {
	if order.Credential != "" {
		if v.role != token.RoleAdmin && v.role != token.RoleOperator {
			return token.Token{}, forbidden("Asking by credential needs the role admin or operator; ask by token_id.")
		}
		return token.Token{}, nil
	}
	return s.token(ctx, v, order.TokenID)
}

// noteExplanation writes the audit row: whose token, and the verdict; neither
// credential nor body, nor the details, which can hold what was in the body.
func (s *service) noteExplanation(ctx context.Context, v *visit, e *Explanation) error {
	verdict := map[string]any{"allowed": e.Allowed, "reason": e.Reason.Code()}
	if e.WouldDeny != token.Allowed {
		verdict["would_deny"] = e.WouldDeny.Code()
	}
	target := token.AuditTarget{Kind: "token", ID: string(e.Handle)}
	return s.store.Note(ctx, v.act("token.explain"), target, e.Merchant, verdict)
}

func readInquiry(order *explainOrder, f *faults) Inquiry {
	if (order.TokenID == "") == (order.Credential == "") {
		f.add("token_id", "give token_id or credential, one of them")
	}
	r := &order.Request
	if r.Method == "" {
		f.add("request.method", "say which HTTP method")
	}
	if !strings.HasPrefix(r.Path, "/") {
		f.add("request.path", "write the path from its first slash, with its query")
	}
	h, _ := token.ParseHandle(order.TokenID)
	return Inquiry{
		Handle: h, Credential: order.Credential, Method: r.Method, Host: r.Host, Path: r.Path,
		Headers: readHeaders(r.Headers), Body: readBody(f, r), ClientIP: readClientIP(f, r.ClientIP),
		ClientCert: readClientCert(f, r.ClientCert),
	}
}

func readHeaders(given map[string]headerValues) []Header {
	var list []Header
	for _, name := range sortedKeys(given) {
		for _, value := range given[name] {
			list = append(list, Header{Name: name, Value: value})
		}
	}
	return list
}

func readBody(f *faults, r *explainRequest) []byte {
	if r.BodyBase64 == "" {
		return []byte(r.Body)
	}
	if r.Body != "" {
		f.add("request.body_base64", "give body or body_base64, not both")
	}
	body, err := base64.StdEncoding.DecodeString(r.BodyBase64)
	if err != nil {
		f.add("request.body_base64", "this is no base64; write it with A-Z a-z 0-9 + / and final =")
	}
	return body
}

func readClientIP(f *faults, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		f.add("request.client_ip", "write one IP address, such as 192.0.2.7")
	}
	return addr.Unmap()
}

func readClientCert(f *faults, text string) (d token.Digest) {
	if text == "" {
		return d
	}
	canonical, err := policy.ParseClientCert(text)
	if err != nil {
		f.add("request.client_cert_sha256", err.Error())
		return d
	}
	_, _ = hex.Decode(d[:], []byte(canonical)) // it is 64 hexadecimal characters
	return d
}

func viewExplanation(e *Explanation) explanationView {
	view := explanationView{Allowed: e.Allowed, Reason: e.Reason.Code(), Status: e.Status, TokenID: string(e.Handle), Checks: []checkView{}}
	if e.WouldDeny != token.Allowed {
		view.WouldDeny = e.WouldDeny.Code()
	}
	for _, c := range e.Checks {
		view.Checks = append(view.Checks, checkView{Check: c.Name, Passed: c.Passed, Detail: c.Detail})
	}
	return view
}
