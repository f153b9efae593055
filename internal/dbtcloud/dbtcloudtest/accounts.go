package dbtcloudtest

import "encoding/json"

// accountItem has the fields of the recorded list that somebody reads.
type accountItem struct {
	ID                  int64           `json:"id"`
	Name                string          `json:"name"`
	State               int             `json:"state"`
	Plan                string          `json:"plan"`
	PendingCancel       bool            `json:"pending_cancel"`
	RunSlots            int             `json:"run_slots"`
	DeveloperSeats      int             `json:"developer_seats"`
	ReadOnlySeats       int             `json:"read_only_seats"`
	Locked              bool            `json:"locked"`
	LockReason          *string         `json:"lock_reason"`
	BillingEmailAddress *string         `json:"billing_email_address"`
	CreatedAt           json.RawMessage `json:"created_at"`
	UpdatedAt           json.RawMessage `json:"updated_at"`
	SSOReauth           bool            `json:"sso_reauth"`
	GitAuthLevel        string          `json:"git_auth_level"`
	Identifier          string          `json:"identifier"`
}

func (a *account) item() any {
	return accountItem{
		ID: a.id, Name: a.name, State: active, Plan: a.plan, RunSlots: 5, DeveloperSeats: 8, ReadOnlySeats: 50,
		CreatedAt: writeDate(a.created, 1), UpdatedAt: writeDate(a.created, 1), GitAuthLevel: "team", Identifier: "simulated",
	}
}

// listAccounts shows what the credential belongs to, whatever it may do there;
// an account whose IP restrictions keep it out is missing (provider).
func (c *call) listAccounts() reply {
	var seen []*account
	for _, a := range c.sim.world.accounts {
		if c.cred.sees(a) && !c.cred.ipDenied {
			seen = append(seen, a)
		}
	}
	return list(c, seen, (*account).item)
}

func (c *call) getAccount() reply {
	a := c.sim.world.account(c.ids[0])
	switch {
	case a == nil || !c.cred.sees(a):
		return notFound()
	case c.cred.ipDenied:
		return accessDenied(a.id)
	}
	return success(200, a.item())
}
