package declaration

import (
	"encoding/base32"
	"fmt"

	"github.com/google/uuid"
)

// readable is Crockford's base 32: no letter that a person could take for a digit, none that spells.
var readable = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Number is what people quote on the phone: the year and fifty bits of the id, in groups. It is derived, not
// counted, so no counter is needed; a million declarations a year share one with a chance of about 1 in 2,000,
// and nothing is looked up by it alone.
func Number(year int, id uuid.UUID) string {
	code := readable.EncodeToString(id[8:])[:10]
	return fmt.Sprintf("%04d-%s-%s", year, code[:5], code[5:])
}
