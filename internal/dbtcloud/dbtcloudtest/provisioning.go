package dbtcloudtest

import "net/http"

// listSCIMTokens and getSCIMToken show the credentials of user provisioning.
func (c *call) listSCIMTokens() reply {
	return list(c, c.account.scim, func(t SeedSCIMToken) any { return t })
}

func (c *call) getSCIMToken() reply {
	for _, t := range c.account.scim {
		if t.ID == c.ids[1] {
			return success(http.StatusOK, t)
		}
	}
	return notFound()
}

// listAuditLogs is there on the Enterprise plan only (docs); what another plan
// answers is not known, a 404 is assumed.
func (c *call) listAuditLogs() reply {
	if c.account.plan != "enterprise" {
		return notFound()
	}
	return list(c, c.account.audit, func(entry any) any { return entry })
}
