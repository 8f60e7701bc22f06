package envelope

import "tollgate/policy/token"

// said is a reason in this dialect: the status and a French sentence.
type said struct {
	status int
	reason string
}

// The sentences of the seed, to the letter, and those that more than one reason
// has.
const (
	credentialsNeeded = "Les identifiants API (apikey et apisecret) sont requis."
	credentialsWrong  = "Identifiants API incorrects. Veuillez vérifier votre clé API et votre secret."
	failed            = "Une erreur est survenue. Veuillez réessayer"

	jwtWrong       = "Jeton d'accès invalide ou expiré. Veuillez vous authentifier à nouveau."
	badRequest     = "La requête est mal formée."
	notSent        = "Le service de paiement est indisponible. Rien n'a été transmis, la requête peut être renvoyée."
	outcomeUnknown = "Le service de paiement n'a pas répondu correctement. Veuillez vérifier l'état de l'opération avant de la renvoyer."
)

// messages are the words beside a status code.
var messages = map[int]string{
	400: "BadRequestError",
	401: "UnauthorizedError",
	403: "ForbiddenError",
	404: "NotFoundError",
	405: "MethodNotAllowedError",
	408: "RequestTimeoutError",
	411: "LengthRequiredError",
	413: "PayloadTooLargeError",
	415: "UnsupportedMediaTypeError",
	417: "ExpectationFailedError",
	429: "TooManyRequestsError",
	431: "RequestHeaderFieldsTooLargeError",
	500: "InternalServerError",
	501: "NotImplementedError",
	502: "BadGatewayError",
	503: "ServiceUnavailableError",
	504: "GatewayTimeoutError",
	505: "HTTPVersionNotSupportedError",
}

// sayings words every reason for proxied calls; a test holds that none is
// missing. What /v1/auth says otherwise is in sayAuth.
var sayings = map[token.Reason]said{
	token.MalformedRequest:     {400, badRequest},
	token.RequestTimeout:       {408, "La requête n'est pas arrivée à temps. Veuillez la renvoyer."},
	token.LengthRequired:       {411, "Le corps de la requête doit être envoyé avec un en-tête Content-Length."},
	token.BodyTooLarge:         {413, "Le corps de la requête est trop volumineux."},
	token.ExpectationFailed:    {417, "La seule attente acceptée est 100-continue."},
	token.HeadersTooLarge:      {431, "Les en-têtes de la requête sont trop volumineux."},
	token.MethodNotImplemented: {501, "Cette méthode HTTP n'est pas connue."},
	token.VersionUnsupported:   {505, "Cette version de HTTP n'est pas acceptée. Veuillez utiliser HTTP/1.1."},

	token.NoRoute:         {404, "Cette adresse n'existe pas."},
	token.MethodNotRouted: {405, "Cette méthode HTTP n'est pas acceptée à cette adresse."},

	token.AuthThrottled: {429, "Trop de tentatives échouées. Veuillez patienter avant de réessayer."},

	token.CredentialsMissing:   {401, "Le jeton d'accès est requis dans l'en-tête Authorization."},
	token.CredentialsAmbiguous: {400, "Plusieurs identifiants ont été envoyés. Veuillez n'en envoyer qu'un seul."},

	token.TokenInvalid:        {401, jwtWrong},
	token.TokenExpired:        {401, jwtWrong},
	token.TokenRevoked:        {401, jwtWrong},
	token.TokenDisabled:       {401, jwtWrong},
	token.MerchantSuspended:   {401, jwtWrong},
	token.SignatureInvalid:    {401, jwtWrong},
	token.Replayed:            {401, jwtWrong},
	token.AccessTokenRequired: {401, jwtWrong},

	token.CannotDecide: {503, "Le jeton n'a pas pu être vérifié pour le moment. Veuillez renvoyer la requête."},
	token.Overloaded:   {503, "Le service est momentanément surchargé. Rien n'a été transmis, la requête peut être renvoyée."},

	token.EnvironmentMismatch:  {401, "Ce jeton n'appartient pas à l'environnement demandé."},
	token.IPNotAllowed:         {403, "Cette adresse IP n'est pas autorisée."},
	token.ClientCertNotAllowed: {403, "Ce certificat client n'est pas autorisé, ou aucun n'a été présenté."},
	token.HTTPMethodNotAllowed: {403, "Cette méthode HTTP n'est pas autorisée pour ce jeton."},
	token.PermissionMissing:    {403, "Ce jeton n'a pas la permission requise."},

	token.BodyAmbiguous:   {400, "Le corps de la requête est ambigu. Veuillez envoyer chaque champ une seule fois, en UTF-8."},
	token.BodyUnsupported: {415, "Ce type de contenu n'est pas accepté à cette adresse."},

	token.FactMissing:             {403, "La requête ne précise pas le pays, l'opérateur, le moyen de paiement ou le numéro de téléphone."},
	token.FactConflict:            {403, "La requête se contredit sur le pays, l'opérateur, le moyen de paiement ou le numéro de téléphone."},
	token.CountryNotAllowed:       {403, "Ce pays n'est pas autorisé pour ce jeton."},
	token.OperatorNotAllowed:      {403, "Cet opérateur n'est pas autorisé pour ce jeton."},
	token.PaymentMethodNotAllowed: {403, "Ce moyen de paiement n'est pas autorisé pour ce jeton."},
	token.PhoneNotAllowed:         {403, "Ce numéro de téléphone n'est pas autorisé pour ce jeton."},

	token.RateLimited:   {429, "Trop de requêtes. Veuillez patienter avant de réessayer."},
	token.QuotaExceeded: {429, "Le quota de ce jeton est épuisé."},

	token.UpstreamUnreachable: {503, notSent},
	token.UpstreamSaturated:   {503, notSent},
	token.UpstreamFailed:      {502, outcomeUnknown},
	token.UpstreamTimeout:     {504, outcomeUnknown},

	token.InternalError: {500, failed},

	token.InvalidRequest:       {400, badRequest},
	token.UnsupportedGrantType: {400, badRequest},
	token.UnauthorizedClient:   {401, jwtWrong},
	token.InvalidScope:         {400, badRequest},
	token.InvalidGrant:         {401, jwtWrong},
	token.NotFound:             {404, "Ce jeton n'existe pas."},
}

func say(r token.Reason) said {
	s, known := sayings[r]
	if !known {
		return sayings[token.InternalError]
	}
	return s
}

// sayAuth words a reason at /v1/auth: credentials that cannot be read are 400,
// and whatever else is wrong with the caller, its address and the environment
// included, is the one 401 of the seed.
func sayAuth(r token.Reason) said {
	s := say(r)
	switch s.status {
	case 400:
		return said{400, credentialsNeeded}
	case 401, 403:
		return said{401, credentialsWrong}
	case 503:
		return said{503, "Les identifiants n'ont pas pu être vérifiés pour le moment. Veuillez renvoyer la requête."}
	}
	return s
}
