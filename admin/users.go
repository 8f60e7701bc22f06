package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tollgate/policy/token"
)

// userView is a user in an answer. Nothing of the password is in it.
type userView struct {
	ID         string     `json:"id"`
	Email      string     `json:"email"`
	Role       string     `json:"role" enum:"admin,operator,auditor,merchant"`
	MerchantID *string    `json:"merchant_id" doc:"Of dashboard users; null otherwise"`
	Enabled    bool       `json:"enabled"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Version    int64      `json:"version"`
}

func viewUser(u *token.User) userView {
	v := userView{
		ID: u.ID, Email: u.Email, Role: string(u.Role), Enabled: u.Enabled, Version: u.Version,
		CreatedAt: u.CreatedAt.Time(), UpdatedAt: u.UpdatedAt.Time(), LastUsedAt: moment(u.LastUsedAt),
	}
	if u.Merchant != "" {
		v.MerchantID = &u.Merchant
	}
	return v
}

type userOrder struct {
	Email      string  `json:"email"`
	Role       string  `json:"role" enum:"admin,operator,auditor,merchant"`
	MerchantID *string `json:"merchant_id,omitempty" doc:"Whose dashboard; needed for the role merchant"`
	Password   *string `json:"password,omitempty" doc:"At least 12 bytes; left out: one is made and shown in this answer only"`
}

// userPatch is an RFC 7396 merge patch of a user.
type userPatch struct {
	Email      string  `json:"email,omitempty"`
	Role       string  `json:"role,omitempty" enum:"admin,operator,auditor,merchant"`
	MerchantID *string `json:"merchant_id,omitempty" doc:"null: none"`
	Enabled    *bool   `json:"enabled,omitempty"`
}

type passwordOrder struct {
	Password *string `json:"password,omitempty" doc:"At least 12 bytes; left out: one is made and shown in this answer only"`
}

// shownPassword is a user, and the password that was made, for once.
type shownPassword struct {
	ETag string `header:"ETag"`
	Body struct {
		User     userView `json:"user"`
		Password string   `json:"password,omitempty" doc:"When it was made here; shown in this answer only"`
	}
}

func showPassword(u *token.User, password string) *shownPassword {
	out := &shownPassword{ETag: etag(u.Version)}
	out.Body.User, out.Body.Password = viewUser(u), password
	return out
}

type userAnswer struct {
	ETag string `header:"ETag"`
	Body userView
}

func answerUser(u *token.User) *userAnswer {
	return &userAnswer{ETag: etag(u.Version), Body: viewUser(u)}
}

// UserPath is the path of one user. It is exported for huma, like TokenPath.
type UserPath struct {
	ID string `path:"id" maxLength:"100" doc:"usr_…"`
}

func (s *service) addUser(ctx context.Context, v *visit, in *struct{ Body document[userOrder] }) (*shownPassword, error) {
	sent, err := s.forms.user.read(in.Body)
	if err != nil {
		return nil, err
	}
	var order userOrder
	sent.as(&order)
	wanted := UserOrder{Email: order.Email, Role: token.Role(order.Role), Password: order.Password}
	if order.MerchantID != nil {
		wanted.Merchant = *order.MerchantID
	}
	if len(sent.faults.list) > 0 { // name what is wrong with the meaning as well
		if _, err := s.users.read(ctx, &wanted, &sent.faults); err != nil {
			return nil, err
		}
		return nil, sent.faults.problem()
	}
	u, password, err := s.users.Make(ctx, v.act("user.create"), wanted)
	if err != nil {
		return nil, sameEmail(err)
	}
	return showPassword(&u, password), nil
}

// sameEmail words the one conflict there is between users.
func sameEmail(err error) error {
	if errors.Is(err, token.ErrExists) {
		return refuse(http.StatusConflict, codeConflict, "Another user has this email address.")
	}
	return err
}

type userQuery struct {
	PageQuery
	MerchantID string `query:"merchant_id" maxLength:"100"`
	Query      string `query:"q" maxLength:"200" doc:"A piece of the email address or the id"`
}

func (s *service) listUsers(ctx context.Context, _ *visit, in *userQuery) (*listAnswer[userView], error) {
	list, next, err := s.store.ListUsers(ctx, token.UserFilter{Page: in.page(), Merchant: in.MerchantID, Query: in.Query})
	if err != nil {
		return nil, err
	}
	return listed(list, next, viewUser), nil
}

func (s *service) findUser(ctx context.Context, _ *visit, in *UserPath) (*userAnswer, error) {
	u, err := s.store.FindUser(ctx, in.ID)
	if err != nil {
		return nil, missing(err, "user")
	}
	return answerUser(&u), nil
}

func (s *service) endUser(ctx context.Context, v *visit, in *UserPath) (*struct{}, error) {
	if err := s.store.EndUser(ctx, v.act("user.end"), in.ID); err != nil {
		return nil, missing(err, "user")
	}
	return nil, nil
}
