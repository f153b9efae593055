package rotate_test

// why is the reason for each call of an undisturbed rotation. A call without a
// reason fails TestRequests, and so does a reason without a call.
func why() map[asked]string {
	return map[asked]string{
		{listing, onService, "list-tokens"}: "names are resolved, and replacements in flight found, by the whole list: they are matched without their suffix, and people rename tokens",

		{beforeAnyStep, onStore, "read"}:              "whose value the destination holds, its labels, and the version that the check-and-set is made against",
		{beforeAnyStep, onService, "get-token"}:       "whether the old token lives: a list may lag behind, and shows nothing of the deleted",
		{beforeAnyStep, onService, "get-permissions"}: "what has to be copied: the list and the item may come without it",
		{beforeAnyStep, onService, "get-mappings"}:    "semantic layer mappings are listed by project only: one request for each project with one",
		{"preflight", onStore, "check"}:               "whether the destination can be written and labelled, before there is anything to write",
		{"prove", onService, "get-token"}:             "last_used before, after each of three probes, and after each pause: a busy token must not pass for a proof",
		{"prove", onService, "accounts"}:              "three probes with the value, each of which has to move the old token's last_used",
		{"prove", onStore, "label"}:                   "so that it need not be proved again",
		{"prove", onStore, "read"}:                    "the version may change with a label",
		{"create", onService, "create-token"}:         "once; it is never repeated before two passes over the list have shown that nothing came of it",
		{"create", onService, "list-tokens"}:          "whether another run has created one at the same time: the list has 1,001 tokens now",
		{"equalise", onService, "get-token"}:          "whether the replacement is still there, its two booleans, and the projects of its mappings",
		{"equalise", onService, "get-permissions"}:    "its rows are read back, and what differs ends the rotation",
		{"equalise", onService, "get-mappings"}:       "once to see which are missing, as a lost reply may have left some, and once to read them all back",
		{"equalise", onService, "post-mapping"}:       "a create takes no mappings: one request for each",
		{"equalise", onService, "accounts"}:           "the new value authenticates, before a consumer gets it",
		{"store", onStore, "label"}:                   "whose value it will be, before the value: a run that dies in between is understood by the next",
		{"store", onStore, "write"}:                   "by check-and-set, which is the election between runs",
		{"store", onStore, "read"}:                    "what the destination holds, whatever the answer to the write was",
		{"announce", onStore, "label"}:                "that the old token is about to be deleted: an undo that begins now leaves everything as it is",
		{"confirm", onStore, "read"}:                  "every destination holds the value at the moment when the old token goes",
		{"confirm", onService, "get-token"}:           "the old token (when it was used) and the replacement (that it lives)",
		{"confirm", onService, "get-permissions"}:     "of both: somebody may have changed either since they were compared",
		{"confirm", onService, "get-mappings"}:        "of both, for the same reason",
		{"confirm", onService, "accounts"}:            "this run did not make the replacement, so it has not seen yet that the value authenticates",
		{"retire", onService, "delete-token"}:         "once; it is sent again only when the old token is seen to live and still may go",
		{"retire", onService, "get-token"}:            "the old token is seen to be gone; where the service hides it by a 404, that comes twice, with a control between",
		{"retire", onStore, "label"}:                  "the announcement is taken away",
		{"rename", onService, "rename-token"}:         "the replacement gets the plain name",
		{"sweep", onService, "list-tokens"}:           "nothing that replaces the old token is left over: a create that was given up for lost may have arrived",
	}
}
