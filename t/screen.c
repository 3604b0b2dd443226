/* What a terminal gets to see of an agent's output: harmless sequences pass, others do not, for every split. */
#include "cmd/launch-native/screen.h"

#include <stdlib.h>

#include "alloc.h"
#include "buf.h"
#include "lib/tap.h"

/* The module is a part of a program, not of the library. */
#include "cmd/launch-native/screen.c"

enum { SIZE = 4096 };

/* Filter text in pieces of at most step bytes. */
static char *filter(const char *text, size_t len, size_t step)
{
	char *bytes = alloc_zero(SIZE, 1);
	struct screen s;
	AUTO_BUF out = BUF_INIT;

	screen_init(&s);
	for (size_t at = 0; at < len;) {
		size_t n = len - at < step ? len - at : step;
		size_t got;

		memcpy(bytes, text + at, n);
		got = screen_filter(&s, bytes, n, SIZE);
		buf_add(&out, bytes, got);
		at += n;
	}
	free(bytes);
	buf_add_char(&out, '.'); /* so that an empty result is a string, too */
	return buf_steal(&out);
}

/* The result is the wanted one however the text is cut. */
static void judge(const char *name, const char *text, size_t len, const char *want)
{
	AUTO_FREE char *expected = alloc_format("%s.", want);
	bool same = true;

	for (size_t step = 1; step <= len; step++) {
		AUTO_FREE char *got = filter(text, len, step);

		if (strcmp(got, expected) == 0)
			continue;
		printf("# in pieces of %zu: '%s'\n", step, got);
		same = false;
		break;
	}
	ok(same, "%s", name);
}

#define JUDGE(name, text, want) judge(name, text, sizeof(text) - 1, want)
#define PASSES(name, text) judge(name, "a" text "b", sizeof("a" text "b") - 1, "a" text "b")
#define DROPPED(name, text) judge(name, "a" text "b", sizeof("a" text "b") - 1, "ab")

static void test_passes(void)
{
	PASSES("plain text", "hello\r\n\tworld\a\b");
	PASSES("UTF-8, also with bytes that alone would be C1 controls",
	       "\xe2\x80\x9b\xc3\x9b\xf0\x9f\x98\x80\xc2\xa9");
	PASSES("colours and cursor", "\033[1;38;2;1;2;3m\033[10;20H\033[2J\033[K");
	PASSES("private modes", "\033[?1049h\033[?2004h\033[?25l\033[>4;2m\033[<u\033[=1;1u");
	PASSES("questions that are answered to the agent", "\033[c\033[6n\033[?u\033[>q\033[?2026$p\033[14t");
	PASSES("saving the title", "\033[22;0t\033[23;0t");
	PASSES("title, ended by BEL", "\033]0;a title\a");
	PASSES("title, ended by ST", "\033]2;a title\033\\");
	PASSES("colours of the palette", "\033]4;1;rgb:00/00/00\a\033]11;?\033\\\033]104\a");
	PASSES("links", "\033]8;;https://example.com\033\\text\033]8;;\033\\");
	PASSES("character sets and single escapes", "\033(B\033)0\0337\0338\033=\033>\033M\033c");
	PASSES("sixel pictures", "\033P0;1;0q\"1;1;10;10#0~~\033\\");
	PASSES("questions about capabilities", "\033P+q544e\033\\\033P$qm\033\\");
	PASSES("controls in the middle of a sequence", "\r");
}

static void test_dropped(void)
{
	DROPPED("clipboard", "\033]52;c;aGVsbG8=\a");
	DROPPED("clipboard, ended by ST", "\033]52;c;?\033\\");
	DROPPED("clipboard with leading zeros", "\033]052;c;?\a");
	DROPPED("clipboard of kitty", "\033]5522;type=read\033\\");
	DROPPED("the current directory", "\033]7;file://host/etc\a");
	DROPPED("files of iTerm2", "\033]1337;File=inline=1:aGk=\a");
	DROPPED("fonts", "\033]50;?\a");
	DROPPED("unknown OSC, empty OSC", "\033]99999;x\a\033]\a\033]x\033\\");
	DROPPED("what is smuggled through tmux", "\033Ptmux;\033\033]52;c;aGk=\a\033\\");
	DROPPED("screen's own", "\033P\033]52;c;aGk=\a\033\\");
	DROPPED("definitions of keys", "\033P0;1|17/0a\033\\");
	DROPPED("kitty graphics, which read files", "\033_Ga=T,t=f;L2V0Yw==\033\\");
	DROPPED("PM and SOS", "\033^text\033\\\033Xtext\033\\");
	DROPPED("window reports and operations", "\033[21t\033[20t\033[3;1;1t\033[1t");
	DROPPED("printing", "\033[5i\033[?4i");
	DROPPED("checksums of what is on the screen", "\033[1;1;1;1;80;24*y");
	DROPPED("answerback", "\005");
	DROPPED("C1 controls in UTF-8", "\xc2\x9b" "\xc2\x9d" "\xc2\x85");
	DROPPED("C1 controls as bytes", "\x9b" "\x9d" "\x90");
	DROPPED("a sequence without end",
		"\033[111111111111111111111111111111111111111111111111111111111111111111111111111m");
	JUDGE("a string that is cancelled", "a\033]52;c;x\030b", "ab");
	JUDGE("a C1 control after half a character", "a\xe2\x9b" "b\x9b" "c", "a\xe2\x9b" "bc");
	JUDGE("an escape in a string that passes begins another sequence", "a\033]0;x\033]52;c;y\a" "b",
	      "a\033]0;x\030b");
	JUDGE("an escape in a control sequence begins another one", "a\033[3\033[1mb", "a\033[1mb");
}

/* Nothing that is shown grows beyond the buffer, whatever is thrown at it. */
static void test_bounds(void)
{
	static const char *const words[] = { "\033", "]", "0;", "52;", "P", "q", "_", "[", "1", "m", "\a", "\\", "\xc2",
					     "\x9b", "\xe2",
					     "\x18", "x", "t", "*y", "\005" };
	char *bytes = alloc_zero(SIZE, 1);
	size_t room = screen_room(SIZE), most = 0;
	struct screen s;

	screen_init(&s);
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t len = 0, got;

		while (len + 2 <= room) {
			const char *word = words[(size_t)rand() % COUNT_OF(words)];

			memcpy(bytes + len, word, strlen(word));
			len += strlen(word);
			if (rand() % 512 == 0)
				break;
		}
		got = screen_filter(&s, bytes, len, SIZE);
		if (got > most)
			most = got;
		if (memmem(bytes, got, "\033]52", 4) || memchr(bytes, 5, got))
			break;
	}
	ok(most <= SIZE, "the result fits into the buffer");
	ok(!memmem(bytes, most, "\033]52", 4), "no random mixture gets the clipboard through");
	free(bytes);
}

int main(void)
{
	test_passes();
	test_dropped();
	test_bounds();
	return tap_done();
}
