package admin

import "context"

// catalogView is what the admin side knows of the payment world.
type catalogView struct {
	Countries []countryView `json:"countries" nullable:"false"`
	Methods   []string      `json:"methods" nullable:"false"`
}

type countryView struct {
	Code      string         `json:"code" doc:"ISO 3166-1 alpha-2"`
	Alpha3    string         `json:"alpha3"`
	Name      string         `json:"name"`
	Dial      string         `json:"dial" doc:"The country calling code, digits only"`
	Currency  string         `json:"currency" doc:"ISO 4217"`
	Operators []operatorView `json:"operators" nullable:"false"`
}

type operatorView struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases" nullable:"false" doc:"What providers call it in this country"`
}

type catalogAnswer struct{ Body catalogView }

func (s *service) catalog(context.Context, *visit, *struct{}) (*catalogAnswer, error) {
	c := s.catalogue()
	view := catalogView{Countries: []countryView{}, Methods: orEmpty(c.Methods())}
	for _, country := range c.Countries() {
		operators := []operatorView{}
		for _, o := range country.Operators {
			operators = append(operators, operatorView{ID: o.ID, Name: o.Name, Aliases: orEmpty(o.Aliases)})
		}
		view.Countries = append(view.Countries, countryView{
			Code: country.Alpha2, Alpha3: country.Alpha3, Name: country.Name,
			Dial: country.Dial, Currency: country.Currency, Operators: operators,
		})
	}
	return &catalogAnswer{Body: view}, nil
}
