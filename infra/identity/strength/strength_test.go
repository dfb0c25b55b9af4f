package strength

import (
	"strings"
	"testing"
	"time"
)

func TestWhatEverybodyTriesIsWeak(t *testing.T) {
	for password := range strings.FieldsSeq(`
		aa123456 abc123456 a123456789 123456789a qq123456 qwe123456 asd123456 zxc123456 5201314a a5201314 a1b2c3d4
		123qweASD 123qwe!@# 1qazXSW@ 1234qwer 147258369a 123123aa wang1234 zhiping-demo
		Password123! P@ssw0rd P@$$w0rd1 woaini1314 woaini520 Aa123456 Aa123456. Abc@1234 Abcd1234 Qwer1234 1q2w3e4r 1q2w3e4r5t q1w2e3r4
		zxcvbnm1 asdfghjkl1 1qaz2wsx 1qaz@WSX !QAZ2wsx qazwsx123 qwerty123 admin123 Admin@123 root@123 test1234 iloveyou1 welcome1
		zhangwei1990 zhangwei123 liming123 liuyang88 wangfang520 wang19900101 19900101wang zxy19900101 lzhm19851231 ljh123456 ljh888888
		abc19900101 19900101a x20000101 qwer1990 Jilin2024 Changchun2024! zhicheng2026 beijing2008 Shanghai1 china2008 520520aa aa112233
		abcd1234! 1a2b3c4d zhongguo1 zhongguo123 woaizhongguo1 nihao123 mima123456 111111aa 88888888a 00000000a a11111111 abcdefg1 abcdefgh1
		iloveu520 baobao520 laopo1314 aini1314 2580258a a147258369 789456123a 123456abc 123abc456 1234abcd Aa12345678 password2024 P@ssword1`) {
		if got := Guesses(password); got >= Enough {
			t.Errorf("%s withstands 10^%.1f guesses", password, got)
		}
	}
}

func TestWhatPeopleMayChooseIsStrong(t *testing.T) {
	for _, password := range []string{
		"correct horse 7", "correct horse 电池", "another horse 8", "another horse 订书机", "sunny-Tuesday-9", "rainy-Wednesday-3",
		"a long phrase without digits", "长长的一句话也可以当密码用对不对呢", "春眠不觉晓8处处", "kx7fq2pz", "k7Fq2xPz", "x9Kd2mPq", "Gr8!vbn4tL",
		"tKz4-mw9Q", "7hTn!2sLq", "purple elephant dances", "mountain-river-42", "wo jiao zhang san 1", "wo4xihuan2chi1jiaozi", "买菜要带3个袋子",
		"窗外有2只喜鹊", "ljh13579246zq", "Tianchi#Snow-2024", "three blind mice run", "zjx8#qmp2", "m4wvz7rk", "6n2q9xtw", "tea kettle 19 blue",
	} {
		if got := Guesses(password); got < Enough {
			t.Errorf("%s withstands only 10^%.1f guesses", password, got)
		}
	}
}

// Random passwords, such as a password manager or the operator's command makes, are taken.
func TestRandomPasswordsAreStrong(t *testing.T) {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	seed := uint64(1)
	weak := 0
	for range 2000 {
		b := make([]byte, 10)
		for i := range b {
			seed = seed*6364136223846793005 + 1442695040888963407
			b[i] = letters[(seed>>33)%uint64(len(letters))]
		}
		if Guesses(string(b)) < Enough {
			weak++
		}
	}
	if weak > 0 {
		t.Errorf("%d of 2000", weak)
	}
}

func TestTheListsAreThere(t *testing.T) {
	if n := len(costs()); n < 40_000 {
		t.Fatalf("%d entries", n)
	}
}

// The work is bounded whatever is typed.
func TestALongPasswordIsLookedAtInNoTime(t *testing.T) {
	for _, password := range []string{strings.Repeat("aA1!", 32), strings.Repeat("qwertyuiop", 13), strings.Repeat("长1a", 42)} {
		began := time.Now()
		Guesses(password)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%.10s… took %s", password, took)
		}
	}
}

func FuzzGuesses(f *testing.F) {
	for _, s := range []string{"", "\xff\xff", "a1b2c3d4", "ﬃﬃﬃ", "2580", "19900101", "aaaa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 512 {
			return
		}
		if got := Guesses(s); got < 0 || got > 2*float64(len(s)) {
			t.Fatalf("%q: %f", s, got)
		}
	})
}

func BenchmarkGuesses(b *testing.B) {
	for b.Loop() {
		Guesses(strings.Repeat("horse 电池7 ", 13)[:128]) // as long as they may be
	}
}
