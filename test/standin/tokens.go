package standin

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// token is an issued token.
type token struct {
	id                  string
	userID              string
	projectID, domainID string
	system              bool
	roles               []string
	methods             []string
	auditIDs            []string
	issued, expires     time.Time
	credential          *AppCredential
}

func (t *token) has(role string) bool { return slices.Contains(t.roles, role) }

// systemReader reports whether a token can read everything in keystone: with a role on the system,
// or with the role admin anywhere (the older policies, which Zed still accepts).
func (t *token) systemReader() bool { return t.system && t.has("reader") || t.has("admin") }

type tokens struct {
	mu       sync.Mutex
	lifetime time.Duration
	byID     map[string]*token
	issued   int
	// passwords counts the checks of a password.
	passwords int
	requests  int
	// passcodes are those that were used.
	passcodes []string
}

func (ts *tokens) init(lifetime time.Duration) {
	ts.lifetime, ts.byID = lifetime, map[string]*token{}
}

// issue fills in and stores a token.
func (ts *tokens) issue(t *token, parent *token) *token {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.issued++
	t.id = fmt.Sprintf("gAAAAA-stand-in-%s-%d", hexID("token", fmt.Sprint(ts.issued)), ts.issued)
	t.issued = time.Now().UTC()
	t.expires = t.issued.Add(ts.lifetime)
	t.auditIDs = []string{hexID("audit", fmt.Sprint(ts.issued))[:22]}
	if parent != nil { // a token by the token method expires with its parent
		t.expires = parent.expires
		t.auditIDs = append(t.auditIDs, parent.auditIDs[len(parent.auditIDs)-1])
	}
	ts.byID[t.id] = t
	return t
}

// usePasscode reports whether a passcode is the user's and was not used before.
func (ts *tokens) usePasscode(want, got string) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if want == "" || got != want || slices.Contains(ts.passcodes, got) {
		return false
	}
	ts.passcodes = append(ts.passcodes, got)
	return true
}

func (ts *tokens) valid(id string) *token {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byID[id]
	if t == nil || !time.Now().Before(t.expires) {
		return nil
	}
	return t
}

// validOrExpired returns a token, valid or expired.
func (ts *tokens) validOrExpired(id string) *token {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.byID[id]
}

// requestID returns a new request id.
func (ts *tokens) requestID() string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.requests++
	return "req-" + uuid("request", fmt.Sprint(ts.requests))
}

// Token returns a new unscoped token of a user.
func (c *Cloud) Token(user string) string {
	return c.tokens.issue(&token{methods: []string{"password"}, userID: c.UserID(user)}, nil).id
}

// ExpireTokens expires all issued tokens; clients can sign in again.
func (c *Cloud) ExpireTokens() {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	for _, t := range c.tokens.byID {
		t.expires = t.issued
	}
}

// TokensIssued counts the sign-ins and token exchanges that succeeded.
func (c *Cloud) TokensIssued() int {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.issued
}

// PasswordChecks counts the sign-ins with a password, also those that failed. Each costs keystone a
// bcrypt.
func (c *Cloud) PasswordChecks() int {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.passwords
}

func (ts *tokens) addPasswordCheck() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.passwords++
}

// authenticate sets the request's token.
func (q *call) authenticate() bool {
	q.token = q.cloud.tokens.valid(q.r.Header.Get("X-Auth-Token"))
	return q.token != nil
}

// requireToken answers like keystonemiddleware in front of nova and neutron.
func (q *call) requireToken() bool {
	if q.authenticate() {
		return true
	}
	q.header("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", q.cloud.base(q.r)+"/identity"))
	q.write(http.StatusUnauthorized, "application/json", object{"error": object{
		"code": 401, "title": "Unauthorized",
		"message": "The request you have made requires authentication."}})
	return false
}
