package store

import (
	"database/sql"

	"tollgate/policy/token"
)

// The words that enumerations have in the database. Numbers would save bytes
// and cost whoever reads the tables at three in the morning.

func entityWord(k token.EntityKind) string {
	switch k {
	case token.EntityToken:
		return "token"
	case token.EntityMerchant:
		return "merchant"
	case token.EntityUser:
		return "user"
	case token.EntityCredential:
		return "credential"
	case token.EntityAdminKey:
		return "admin_key"
	}
	return "all"
}

// entityKind reads entityWord's words. One written by a newer version is taken
// for everything, which is never wrong.
func entityKind(word string) token.EntityKind {
	for k := token.EntityToken; k <= token.EntityAdminKey; k++ {
		if entityWord(k) == word {
			return k
		}
	}
	return token.EntityAll
}

// storedKinds are the kinds of credential that have rows.
var storedKinds = [...]token.Kind{token.KindKey, token.KindClient, token.KindSigning}

func credentialKind(word string) token.Kind {
	for _, k := range storedKinds {
		if k.String() == word {
			return k
		}
	}
	return token.KindNone
}

func stored(k token.Kind) bool { return credentialKind(k.String()) != token.KindNone }

// collect scans every row into a T.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows, *T) error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var one T
		if err := scan(rows, &one); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// nullable is NULL for the empty string: for references that may be absent.
func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
