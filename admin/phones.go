package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tollgate/policy/token"
)

// phoneView is one phone number of a token in an answer.
type phoneView struct {
	Country   string    `json:"country"`
	Number    string    `json:"number" doc:"E.164"`
	Enabled   bool      `json:"enabled" doc:"A disabled number stays associated and passes nothing"`
	CreatedAt time.Time `json:"created_at"`
}

func viewPhone(n *token.Number) phoneView {
	return phoneView{Country: n.Country, Number: n.E164, Enabled: n.Enabled, CreatedAt: n.CreatedAt.Time()}
}

// phoneOrder is a number as it is associated: in any spelling a person uses.
type phoneOrder struct {
	Country string `json:"country" doc:"One of the composition's"`
	Number  string `json:"number"`
}

type phonePatch struct {
	Enabled *bool `json:"enabled" nullable:"false"`
}

// addedPhone is a number that was associated, and what looks odd about it.
type addedPhone struct {
	Body struct {
		Country   string          `json:"country"`
		Number    string          `json:"number"`
		Enabled   bool            `json:"enabled"`
		CreatedAt time.Time       `json:"created_at"`
		Warnings  []token.Warning `json:"warnings" nullable:"false"`
	}
}

type phoneAnswer struct{ Body phoneView }

type phoneQuery struct {
	TokenPath
	PageQuery
}

// PhonePath is the path of one number, written +225… or %2B225…. It is exported
// for huma, like TokenPath.
type PhonePath struct {
	TokenPath
	E164 string `path:"e164" maxLength:"40" doc:"As the list shows it, +225…"`
}

func (s *service) listPhones(ctx context.Context, v *visit, in *phoneQuery) (*listAnswer[phoneView], error) {
	t, err := s.token(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	list, next, err := s.store.ListNumbers(ctx, t.Handle, in.page())
	if err != nil {
		return nil, missing(err, "token")
	}
	return listed(list, next, viewPhone), nil
}

type phoneAddition struct {
	TokenPath
	Body document[phoneOrder]
}

func (s *service) addPhone(ctx context.Context, v *visit, in *phoneAddition) (*addedPhone, error) {
	sent, err := s.forms.phone.read(in.Body)
	if err != nil {
		return nil, err
	}
	t, err := s.writableToken(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	var order phoneOrder
	sent.as(&order)
	n, doubt := s.readPhone(&sent.faults, "", order, t.Bounds.Composition)
	if err := sent.faults.problem(); err != nil {
		return nil, err
	}
	err = s.claiming(v, []token.Number{n}, func() (err error) {
		n, err = s.store.AddNumber(ctx, v.act("phone.add"), t.Handle, n)
		return missing(err, "token")
	})
	if errors.Is(err, token.ErrExists) {
		return nil, refuse(http.StatusConflict, codeConflict, "The token has this number already.")
	}
	if err != nil {
		return nil, err
	}
	out := &addedPhone{}
	out.Body.Country, out.Body.Number, out.Body.Enabled = n.Country, n.E164, n.Enabled
	out.Body.CreatedAt = n.CreatedAt.Time()
	out.Body.Warnings = []token.Warning{}
	if doubt != "" {
		out.Body.Warnings = append(out.Body.Warnings, token.Warning{Field: "number", Message: doubt})
	}
	return out, nil
}

type phoneChange struct {
	PhonePath
	Body document[phonePatch]
}

func (s *service) changePhone(ctx context.Context, v *visit, in *phoneChange) (*phoneAnswer, error) {
	sent, err := s.forms.phonePatch.read(in.Body)
	if err != nil {
		return nil, err
	}
	t, err := s.writableToken(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	var order phonePatch
	sent.as(&order)
	if order.Enabled == nil {
		sent.faults.add("enabled", "write true or false")
	}
	if err := sent.faults.problem(); err != nil {
		return nil, err
	}
	n, err := s.store.ChangeNumber(ctx, v.act("phone.change"), t.Handle, in.E164, *order.Enabled)
	if err != nil {
		return nil, missing(err, "phone number of this token")
	}
	return &phoneAnswer{Body: viewPhone(&n)}, nil
}

func (s *service) endPhone(ctx context.Context, v *visit, in *PhonePath) (*struct{}, error) {
	t, err := s.writableToken(ctx, v, in.ID)
	if err != nil {
		return nil, err
	}
	err = s.store.EndNumber(ctx, v.act("phone.remove"), t.Handle, in.E164)
	return nil, missing(err, "phone number of this token")
}

// readPhones reads the numbers of a token order.
func (s *service) readPhones(f *faults, orders []phoneOrder, c token.Composition) ([]token.Number, []token.Warning) {
	if len(orders) > 0 && len(c) == 0 {
		f.add("phones", "numbers belong to the countries of a composition; give one")
		return nil, nil
	}
	var numbers []token.Number
	var warnings []token.Warning
	seen := map[string]bool{}
	for i, order := range orders {
		prefix := fmt.Sprintf("phones[%d].", i)
		n, doubt := s.readPhone(f, prefix, order, c)
		if doubt != "" {
			warnings = append(warnings, token.Warning{Field: prefix + "number", Message: doubt})
		}
		if n.E164 != "" && seen[n.E164] {
			f.add(prefix+"number", "the number stands in this list twice")
		}
		seen[n.E164] = true
		numbers = append(numbers, n)
	}
	return numbers, warnings
}

// readPhone reads one number into its canonical form. prefix is where it stands
// in the body. doubt says what looks odd about a number that is kept.
func (s *service) readPhone(f *faults, prefix string, order phoneOrder, c token.Composition) (n token.Number, doubt string) {
	catalogue := s.catalogue()
	country, ok := countryIn(catalogue, c, order.Country)
	if !ok {
		f.add(prefix+"country", "the token's composition does not have this country")
		return token.Number{}, ""
	}
	number, doubt, err := catalogue.CanonicalPhone(country, order.Number)
	if err != nil {
		f.add(prefix+"number", err.Error())
		return token.Number{}, ""
	}
	return token.Number{Country: country, E164: number, Enabled: true}, doubt
}

// claiming runs a write that may answer that another token has a number. Such
// answers tell a merchant which numbers others use, so each merchant gets only
// so many; and the holder is named to those alone who may read it.
func (s *service) claiming(v *visit, numbers []token.Number, write func() error) error {
	counted := len(numbers) > 0 && v.scope() != ""
	if counted {
		if ok, wait := s.held.take(v.merchant); !ok {
			return refuse(http.StatusTooManyRequests, codeRateLimited,
				"Too many numbers of other tokens were asked for; wait before adding more.").retryIn(wait)
		}
	}
	err := write()
	var held *token.HeldError
	taken := errors.As(err, &held)
	if counted && !taken {
		s.held.giveBack(v.merchant)
	}
	if !taken {
		return err
	}
	p := refuse(http.StatusConflict, codePhoneTaken, "The number "+token.MaskPhone(held.Number)+" belongs to another token.")
	if i := slices.IndexFunc(numbers, func(n token.Number) bool { return n.E164 == held.Number }); len(numbers) > 1 && i >= 0 {
		p.Errors = []fieldProblem{{Field: fmt.Sprintf("phones[%d].number", i), Message: "another token has this number"}}
	}
	if v.mayRead(held.Merchant) {
		p.Holder = string(held.Holder)
	}
	return p
}
