package decode

import (
	"os/user"
	"strconv"
)

// newUser names a user id, newGroup a group id, as this host knows them. Ids
// of a container's own /etc/passwd are not told from the host's.
func newUser() Decoder {
	return &cache{look: func(id string) (string, bool) {
		if !isNumber(id) {
			return "", false
		}
		u, err := user.LookupId(id)
		if err != nil {
			return "", false
		}
		return u.Username, true
	}}
}

func newGroup() Decoder {
	return &cache{look: func(id string) (string, bool) {
		if !isNumber(id) {
			return "", false
		}
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", false
		}
		return g.Name, true
	}}
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}
