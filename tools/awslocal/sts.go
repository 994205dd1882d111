package awslocal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	roleARNPattern     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/(?:[!-~]+/)?([\w+=,.@-]+)$`)
	sessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// webIdentityAudience is what a token's aud has to hold.
// Source: IAM user guide, "Create an OpenID Connect identity provider"; EKS and Kyma project tokens for this audience.
const webIdentityAudience = "sts.amazonaws.com"

type getCallerIdentityOutput struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string `xml:"Account"`
}

func getCallerIdentity(s *Server, c *call, _ *empty) (*getCallerIdentityOutput, *apiError) {
	return &getCallerIdentityOutput{ARN: c.who.arn, UserID: c.who.userID, Account: s.config.AccountID}, nil
}

type assumeRoleInput struct {
	RoleARN          string   `json:"RoleArn"`
	RoleSessionName  string   `json:"RoleSessionName"`
	ExternalID       *string  `json:"ExternalId"`
	DurationSeconds  *wireInt `json:"DurationSeconds"`
	WebIdentityToken string   `json:"WebIdentityToken"`
}

type sessionCredentials struct {
	AccessKeyID     string   `xml:"AccessKeyId"`
	SecretAccessKey string   `xml:"SecretAccessKey"`
	SessionToken    string   `xml:"SessionToken"`
	Expiration      wireTime `xml:"Expiration"`
}

type assumedRoleUser struct {
	ARN           string `xml:"Arn"`
	AssumedRoleID string `xml:"AssumedRoleId"`
}

type assumeRoleOutput struct {
	Credentials     sessionCredentials `xml:"Credentials"`
	AssumedRoleUser assumedRoleUser    `xml:"AssumedRoleUser"`
	// The rest is of AssumeRoleWithWebIdentity.
	SubjectFromWebIdentityToken string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Audience                    string `xml:"Audience,omitempty"`
	Provider                    string `xml:"Provider,omitempty"`
}

func assumeRole(s *Server, c *call, in *assumeRoleInput) (*assumeRoleOutput, *apiError) {
	role, err := s.role(in)
	if err != nil {
		return nil, err
	}
	if d := in.DurationSeconds; d != nil && *d > MaxChainedSessionSeconds && strings.Contains(c.who.arn, ":assumed-role/") {
		return nil, errValidation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	denied := &apiError{Code: "AccessDenied", Status: http.StatusForbidden,
		Message: "User: " + c.who.arn + " is not authorized to perform: sts:AssumeRole on resource: " + in.RoleARN}
	if role == nil || role.ExternalID != "" && (in.ExternalID == nil || *in.ExternalID != role.ExternalID) {
		return nil, denied
	}
	return s.newSession(c, in)
}

// role checks what both AssumeRole operations share and returns the role, nil when there is none of the ARN.
func (s *Server) role(in *assumeRoleInput) (*Role, *apiError) {
	switch {
	case !roleARNPattern.MatchString(in.RoleARN):
		return nil, errValidation("%s is invalid", in.RoleARN)
	case !sessionNamePattern.MatchString(in.RoleSessionName):
		return nil, errValidation("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}", in.RoleSessionName)
	}
	if d := in.DurationSeconds; d != nil && (*d < MinSessionSeconds || *d > MaxSessionSeconds) {
		return nil, errValidation("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d", *d, MinSessionSeconds, MaxSessionSeconds)
	}
	if s.config.Roles == nil {
		return &Role{ARN: in.RoleARN}, nil
	}
	if i := slices.IndexFunc(s.config.Roles, func(r Role) bool { return r.ARN == in.RoleARN }); i >= 0 {
		return &s.config.Roles[i], nil
	}
	return nil, nil
}

// newSession issues credentials that are accepted from now until they expire.
func (s *Server) newSession(c *call, in *assumeRoleInput) (*assumeRoleOutput, *apiError) {
	duration := DefaultSessionSeconds
	if in.DurationSeconds != nil {
		duration = int(*in.DurationSeconds)
	}
	expires := c.now.Add(time.Duration(duration) * time.Second).UTC().Truncate(time.Second)
	m := roleARNPattern.FindStringSubmatch(in.RoleARN)
	roleID := "AROA" + strings.ToUpper(hex.EncodeToString([]byte(m[2])))[:min(16, 2*len(m[2]))]
	who := identity{arn: "arn:aws:sts::" + m[1] + ":assumed-role/" + m[2] + "/" + in.RoleSessionName, userID: roleID + ":" + in.RoleSessionName}
	key := Credential{AccessKeyID: "ASIA" + strings.ToUpper(randomHex(8)), SecretAccessKey: randomHex(20), SessionToken: randomHex(64)}
	s.sessions[key.AccessKeyID] = storedCredential{Credential: key, identity: who, expires: expires}
	return &assumeRoleOutput{
		Credentials:     sessionCredentials{key.AccessKeyID, key.SecretAccessKey, key.SessionToken, wireTime{expires}},
		AssumedRoleUser: assumedRoleUser{who.arn, who.userID},
	}, nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// assumeRoleWithWebIdentity takes a JSON Web Token whose audience and times are right. The issuer's signature is not
// verified: there is no issuer to ask.
func assumeRoleWithWebIdentity(s *Server, c *call, in *assumeRoleInput) (*assumeRoleOutput, *apiError) {
	role, err := s.role(in)
	if err != nil {
		return nil, err
	}
	claims, err := parseWebIdentity(in.WebIdentityToken)
	if err != nil {
		return nil, err
	}
	now := float64(c.now.Unix())
	switch {
	case !slices.Contains(claims.audience, webIdentityAudience):
		return nil, clientError("InvalidIdentityToken", "Incorrect token audience")
	case claims.Expires <= now:
		return nil, clientError("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", int64(now), int64(claims.Expires))
	case claims.NotBefore > now:
		return nil, clientError("InvalidIdentityToken", "The ID Token provided is not yet valid: nbf %d is after %d", int64(claims.NotBefore), int64(now))
	case role == nil:
		return nil, &apiError{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	out, err := s.newSession(c, in)
	if err != nil {
		return nil, err
	}
	out.SubjectFromWebIdentityToken, out.Audience = claims.Subject, webIdentityAudience
	out.Provider = "arn:aws:iam::" + s.config.AccountID + ":oidc-provider/" + strings.TrimPrefix(claims.Issuer, "https://")
	return out, nil
}

type webIdentityClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   float64         `json:"exp"`
	NotBefore float64         `json:"nbf"`

	audience []string
}

func parseWebIdentity(token string) (claims webIdentityClaims, _ *apiError) {
	invalid := clientError("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 || parts[2] == "" {
		return claims, invalid
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	for part, target := range map[string]any{parts[0]: &header, parts[1]: &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || json.Unmarshal(raw, target) != nil {
			return claims, invalid
		}
	}
	if header.Algorithm == "" || header.Algorithm == "none" || claims.Subject == "" || claims.Issuer == "" {
		return claims, invalid
	}
	// aud is one string or a list of them.
	var one string
	if json.Unmarshal(claims.Audience, &one) == nil {
		claims.audience = []string{one}
	} else if json.Unmarshal(claims.Audience, &claims.audience) != nil {
		return claims, invalid
	}
	return claims, nil
}
