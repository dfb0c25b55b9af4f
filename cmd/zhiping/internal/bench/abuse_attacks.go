package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// abuse is one attack. run draws its sizes and answers an error when the server answered as it must not; that the server
// ended, took memory or kept the bystander waiting is found out beside it.
type abuse struct {
	name, what string
	run        func(ctx context.Context, t *target, draw *rand.Rand) error
}

// abuses are the attacks, under the names of the report that found them.
func abuses() []abuse {
	return []abuse{
		{"C1", "connections that say nothing", idleConnections},
		{"C2", "a PDF that claims billions of objects", func(ctx context.Context, t *target, draw *rand.Rand) error {
			return uploads(ctx, t, 1+draw.IntN(4), "a.pdf", hugeSizePDF(1_000_000<<draw.IntN(12)))
		}},
		{"H1", "bodies with thousands of faults", manyFaults},
		{"H2", "a JPEG of empty scans", func(ctx context.Context, t *target, draw *rand.Rand) error {
			return uploads(ctx, t, 1+draw.IntN(4), "a.jpg", emptyScansJPEG(1000+draw.IntN(5300), 100+draw.IntN(4000)))
		}},
		{"H3", "a PDF that names one stream again and again", func(ctx context.Context, t *target, draw *rand.Rand) error {
			return uploads(ctx, t, 1+draw.IntN(5), "a.pdf", repeatedStreamPDF((1+draw.IntN(31))<<20, 100+draw.IntN(2000)))
		}},
		{"H4", "a compressed cross-reference table", func(ctx context.Context, t *target, draw *rand.Rand) error {
			return uploads(ctx, t, 1+draw.IntN(5), "a.pdf", tableStreamPDF((32+draw.IntN(480))<<20))
		}},
		{"H5", "one declaration with very many saves, read as of its start", manySaves},
		{"M1", "uploads that are removed at once", uploadAndRemove},
		{"M5", "an admin who becomes an auditor", becomeAuditor},
		{"L1", "whether a declaration exists", existenceOracle},
		{"L4", "requests that RFC 9112 refuses", malformedRequests},
		{"L6", "event streams", eventStreams},
		{"L7", "a PDF whose table lies behind its end", func(ctx context.Context, t *target, _ *rand.Rand) error {
			return uploads(ctx, t, 1, "a.pdf", farStartPDF())
		}},
		{"L8", "reads that wait for a position that does not come", farPositions},
		{"L9", "wrong passwords", wrongPasswords},
		{"L10", "metrics without end", scrapeMetrics},
		{"L12", "event types that do not exist", unknownTypes},
		{"L13", "a media type in capitals", mediaTypeInCapitals},
	}
}

// together runs a request n times at once and answers the first fault. A refusal or a cut connection is none: a status of
// 500 and above is one, but for 503, which says that there is no room now.
func together(n int, do func(i int) (int, error)) error {
	var wg sync.WaitGroup
	faults := make([]error, n)
	for i := range n {
		wg.Go(func() {
			if status, err := do(i); err == nil && status >= 500 && status != 503 {
				faults[i] = fmt.Errorf("answered %d", status)
			}
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// hangUpAfter is how long an attacker waits for an answer: the work that was asked for goes on without them.
const hangUpAfter = 10 * time.Second

func idleConnections(ctx context.Context, t *target, draw *rand.Rand) error {
	open := make([]net.Conn, 0, 1200)
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range 600 + draw.IntN(600) {
		c, err := (&net.Dialer{Timeout: 200 * time.Millisecond}).DialContext(ctx, "tcp", t.address)
		if err != nil {
			break // refused is as it should be
		}
		open = append(open, c)
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return nil
}

func uploads(ctx context.Context, t *target, n int, name string, content []byte) error {
	attacker := t.person("applicant2")
	body, kind := uploadBody("education_proof", name, content)
	ctx, cancel := context.WithTimeout(ctx, hangUpAfter)
	defer cancel()
	return together(n, func(int) (int, error) {
		status, _, err := attacker.do(ctx, "POST", "/declarations/"+t.declaration+"/attachments", body, "Content-Type", kind)
		return status, err
	})
}

func manyFaults(ctx context.Context, t *target, draw *rand.Rand) error {
	n := 1000 + draw.IntN(110_000)
	unknown := make(map[string]int, n)
	for i := range n {
		unknown[fmt.Sprint("x", i)] = 1
	}
	members, err := json.Marshal(unknown)
	if err != nil {
		return err
	}
	numbers := []byte(`{"ids":[` + strings.Repeat("1,", 4*n) + "1]}")
	ctx, cancel := context.WithTimeout(ctx, hangUpAfter)
	defer cancel()
	nobody, officer, attacker := t.person(""), t.person("bureau"), t.person("applicant2")
	return together(16+draw.IntN(48), func(i int) (int, error) {
		var status int
		var err error
		switch i % 4 {
		case 0:
			status, _, err = nobody.do(ctx, "POST", "/auth/login", members)
		case 1:
			status, _, err = officer.do(ctx, "POST", "/worklist/approve", numbers)
		case 2:
			status, _, err = nobody.do(ctx, "POST", "/auth/register", members)
		default:
			status, _, err = attacker.do(ctx, "POST", "/declarations", []byte(`{"noticeId":"x","selfCheck":`+string(members)+`}`))
		}
		return status, err
	})
}

func manySaves(ctx context.Context, t *target, draw *rand.Rand) error {
	attacker, auditor := t.person("applicant2"), t.person("auditor")
	at := "/declarations/" + t.declaration
	for i := range 100 + draw.IntN(200) {
		body := map[string]any{"text": strings.Repeat(string(rune('甲'+i%2)), 1500)}
		if status, _, err := attacker.do(ctx, "PUT", at+"/modules/summary", body); err != nil || status == 429 || status == 409 {
			break
		}
	}
	ctx, cancel := context.WithTimeout(ctx, hangUpAfter)
	defer cancel()
	return together(8+draw.IntN(8), func(i int) (int, error) {
		if i%4 == 3 {
			status, _, err := auditor.do(ctx, "GET", at+"/audit?limit=20", nil)
			return status, err
		}
		status, _, err := attacker.do(ctx, "GET", at+"?asOfRevision=0", nil)
		return status, err
	})
}

func uploadAndRemove(ctx context.Context, t *target, draw *rand.Rand) error {
	attacker := t.person("applicant2")
	at := "/declarations/" + t.declaration + "/attachments"
	for i := range 5 + draw.IntN(20) {
		body, kind := uploadBody("education_proof", "a.pdf", plainPDF(fmt.Sprint(draw.Uint64(), strings.Repeat("x", 100_000+i))))
		status, raw, err := attacker.do(ctx, "POST", at, body, "Content-Type", kind)
		var made struct{ ID string }
		if err != nil || status != 201 || json.Unmarshal(raw, &made) != nil {
			return nil //nolint:nilerr // refused is as it should be
		}
		_, _, _ = attacker.do(ctx, "DELETE", at+"/"+made.ID, nil)
	}
	return nil
}

func becomeAuditor(ctx context.Context, t *target, _ *rand.Rand) error {
	admin := t.person("admin")
	_, raw, err := admin.do(ctx, "GET", "/me", nil)
	var me struct{ ID string }
	if err := errors.Join(err, json.Unmarshal(raw, &me)); err != nil {
		return nil //nolint:nilerr // an unanswered request proves nothing; a server that has ended is found by the bystander
	}
	if status, _, err := admin.do(ctx, "POST", "/accounts/"+me.ID+"/roles", map[string]any{"role": "auditor"}); err == nil && status < 400 {
		return fmt.Errorf("granted: %d", status)
	}
	return nil
}

func existenceOracle(ctx context.Context, t *target, _ *rand.Rand) error {
	const missing = "00000000-0000-4000-8000-000000000003"
	for account, try := range map[string][2]string{"bureau": {"POST", "/approve"}, "applicant": {"PUT", "/modules/basic"}} {
		p := t.person(account)
		there, _, err := p.do(ctx, try[0], "/declarations/"+t.declaration+try[1], map[string]any{}, "If-Match", `"0"`)
		if err != nil {
			return nil //nolint:nilerr // an unanswered request proves nothing; a server that has ended is found by the bystander
		}
		if nothing, _, err := p.do(ctx, try[0], "/declarations/"+missing+try[1], map[string]any{}, "If-Match", `"0"`); err == nil && there != nothing {
			return fmt.Errorf("%s: %d where there is a draft, %d where there is none", account, there, nothing)
		}
	}
	return nil
}

func malformedRequests(ctx context.Context, t *target, _ *rand.Rand) error {
	var faults []error
	for what, request := range map[string]string{
		"two lengths":          "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
		"a space before colon": "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
		"no host":              "GET /healthz HTTP/1.1\r\n\r\n",
		"two hosts":            "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"an unknown version":   "GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
		"an unknown method":    "BREW /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", t.address)
		if err != nil {
			return nil //nolint:nilerr // an unanswered request proves nothing; a server that has ended is found by the bystander
		}
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		_, _ = c.Write([]byte(request))
		line, _ := bufio.NewReader(c).ReadString('\n')
		_ = c.Close()
		if strings.Contains(line, " 200 ") {
			faults = append(faults, fmt.Errorf("%s is served", what))
		}
	}
	return errors.Join(faults...)
}

func eventStreams(ctx context.Context, t *target, draw *rand.Rand) error {
	analyst := t.person("analyst")
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return together(50+draw.IntN(350), func(int) (int, error) {
		status, _, err := analyst.do(ctx, "GET", "/events?after=0", nil, "Accept", "text/event-stream")
		return status, err
	})
}

func farPositions(ctx context.Context, t *target, draw *rand.Rand) error {
	one := t.person("applicant2")
	return together(20+draw.IntN(40), func(int) (int, error) {
		status, _, err := one.do(ctx, "GET", "/declarations", nil, "X-After-Position", "18446744073709551615")
		return status, err
	})
}

func wrongPasswords(ctx context.Context, t *target, draw *rand.Rand) error {
	nobody := t.person("")
	return together(20+draw.IntN(60), func(i int) (int, error) {
		status, _, err := nobody.do(ctx, "POST", "/auth/login", map[string]any{"account": fmt.Sprint("nobody-", i%7), "password": fmt.Sprint("guess-", i)})
		return status, err
	})
}

func scrapeMetrics(ctx context.Context, t *target, draw *rand.Rand) error {
	nobody := t.person("")
	return together(50+draw.IntN(100), func(int) (int, error) {
		status, _, err := nobody.at(ctx, "GET", "/metrics", nil)
		return status, err
	})
}

func unknownTypes(ctx context.Context, t *target, draw *rand.Rand) error {
	analyst := t.person("analyst")
	return together(10+draw.IntN(30), func(int) (int, error) {
		status, _, err := analyst.do(ctx, "GET", "/events?types=nosuch&after=0", nil)
		return status, err
	})
}

func mediaTypeInCapitals(ctx context.Context, t *target, _ *rand.Rand) error {
	status, raw, err := t.person("").do(ctx, "POST", "/auth/login", map[string]any{"account": "nobody-0", "password": "guess"}, "Content-Type", "APPLICATION/JSON")
	if err == nil && (status == 400 || status == 415) {
		return fmt.Errorf("%d %.80s", status, raw)
	}
	return nil
}
