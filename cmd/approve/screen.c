#include "screen.h"

#include <curses.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "decide.h"
#include "edit.h"
#include "notify.h"
#include "page.h"
#include "show.h"

#define REFRESH_MS  500 /* between two looks at the queues: a delay that a person does not mind */
#define INPUT_MAX   512 /* bytes of a reason or filter that is typed */
#define KEY_ESCAPE  27
#define KEY_RETURN  13
#define KEY_DELETED 127
#define CONTROL(c)  ((c) & 0x1F)

enum view { VIEW_LIST, VIEW_PAGE, VIEW_HELP };

struct screen {
	const char *home, *notify;
	enum view view;
	struct inbox inbox;
	struct notified known;	     /* those that were there the last time */
	char chosen[QUEUE_ID_SIZE];  /* the line that is marked, "" before the first */
	size_t top;		     /* of the list */
	char filter[INPUT_MAX];
	struct page page;	     /* of the proposal that is open */
	char open[QUEUE_ID_SIZE];    /* whose page it is */
	char seen[DIGEST_HEX];	     /* what it has shown */
	struct buf message;	     /* of the last line; visible ASCII */
	bool leave;
};

static const char help_text[] = "arrows, j, k   up and down\n"
				"enter          all of one; q or escape: back to the list\n"
				"a              approve what is shown\n"
				"m              modify the routes in $VISUAL or $EDITOR, look again, approve\n"
				"r              reject, with a reason\n"
				"/              show only what has a text in it; empty: everything\n"
				"?              this page\n"
				"q              leave\n\n"
				"A new proposal is marked with a star. What comes from an agent is shown with\n"
				"every character that is not visible ASCII as \\u{HEX}.\n";

/* Say something on the last line. */
static void say(struct screen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct screen *s, const char *fmt, ...)
{
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_add_vformat(&text, fmt, ap);
	va_end(ap);
	buf_truncate(&s->message, 0);
	page_ascii(buf_slice(&text), &s->message);
}

/* --- drawing --- */

/* Put text that is visible ASCII on a line, cut at its end. */
static void put_line(int y, struct slice text, bool marked)
{
	if (y < 0 || y >= LINES)
		return;
	if (marked)
		attron(A_REVERSE);
	mvaddnstr(y, 0, text.len ? text.ptr : "", text.len > (size_t)COLS ? COLS : (int)text.len);
	clrtoeol();
	if (marked)
		attroff(A_REVERSE);
}

/* Lines between the title and the message. */
static size_t body_height(void)
{
	return LINES > 3 ? (size_t)LINES - 2 : 1;
}

static bool is_new(const struct screen *s, const struct item *i)
{
	const struct notified_one *one = notified_find(&s->known, i->proposal.id);

	return one && one->is_new;
}

/* Does the filter let it be seen? */
static bool is_visible(const struct screen *s, const struct item *i)
{
	AUTO_BUF line = BUF_INIT;

	if (!*s->filter)
		return true;
	show_line(i, INPUT_MAX, &line);
	return slice_search(buf_slice(&line), slice_str(s->filter)) != SLICE_NONE;
}

/* The place of the chosen one among the visible ones, and how many those are. */
static size_t find_chosen(const struct screen *s, size_t *count)
{
	size_t place = 0;

	*count = 0;
	for (size_t i = 0; i < s->inbox.count; i++) {
		if (!is_visible(s, &s->inbox.list[i]))
			continue;
		if (strcmp(s->inbox.list[i].proposal.id, s->chosen) == 0)
			place = *count;
		++*count;
	}
	return place;
}

/* The visible item at a place, or NULL. */
static struct item *item_at(const struct screen *s, size_t place)
{
	for (size_t i = 0; i < s->inbox.count; i++)
		if (is_visible(s, &s->inbox.list[i]) && place-- == 0)
			return &s->inbox.list[i];
	return NULL;
}

static void draw_list(struct screen *s)
{
	size_t count, chosen = find_chosen(s, &count), height = body_height(), place = 0;
	AUTO_BUF title = BUF_INIT;

	if (chosen < s->top)
		s->top = chosen;
	if (chosen >= s->top + height)
		s->top = chosen - height + 1;
	buf_add_format(&title, "bb supervise  %zu pending", s->inbox.count + s->inbox.unshown);
	if (*s->filter)
		buf_add_format(&title, ", %zu with '%s'", count, s->filter);
	if (s->inbox.damaged)
		buf_add_format(&title, ", %zu unreadable", s->inbox.damaged);
	buf_add_str(&title, "  ?: help");
	put_line(0, buf_slice(&title), false);
	for (size_t i = 0; i < s->inbox.count; i++) {
		AUTO_BUF line = BUF_INIT, text = BUF_INIT;

		if (!is_visible(s, &s->inbox.list[i]))
			continue;
		if (place >= s->top && place < s->top + height) {
			show_line(&s->inbox.list[i], INPUT_MAX, &text);
			buf_add_str(&line, is_new(s, &s->inbox.list[i]) ? "* " : "  ");
			page_ascii(buf_slice(&text), &line);
			put_line(1 + (int)(place - s->top), buf_slice(&line), place == chosen);
		}
		place++;
	}
}

static void draw_page(struct screen *s)
{
	size_t height = body_height(), count = page_count(&s->page, (size_t)COLS);

	if (s->page.top + height > count)
		s->page.top = count > height ? count - height : 0;
	put_line(0, s->view == VIEW_HELP ? SLICE("help  q: back") : SLICE("a: approve  m: modify  r: reject  q: back"),
		 false);
	for (size_t y = 0; y < height; y++)
		put_line(1 + (int)y, page_line(&s->page, (size_t)COLS, s->page.top + y), false);
}

static void draw(struct screen *s)
{
	erase();
	if (s->view == VIEW_LIST)
		draw_list(s);
	else
		draw_page(s);
	put_line(LINES - 1, buf_slice(&s->message), false);
	move(LINES - 1, 0);
	refresh();
}

/* --- what is pending --- */

/* Look at the queues again. What has come is told of with the bell, or the command. */
static bool look(struct screen *s, struct error *e)
{
	struct inbox now = INBOX_INIT;
	bool arrived = false;
	size_t count, place = find_chosen(s, &count);
	struct item *item;

	if (!inbox_load(&now, s->home, NULL, e))
		return false;
	inbox_release(&s->inbox);
	s->inbox = now;
	if (s->inbox.damaged && s->inbox.trouble.status != STATUS_YES && !s->message.len)
		say(s, "%s", s->inbox.trouble.text);
	if (!notify_new(&s->known, &s->inbox, s->known.list ? s->notify : NULL, true, &arrived, e))
		return false;
	if (arrived)
		beep();
	/* Who is gone leaves the mark to the one who takes its place. */
	item = inbox_item(&s->inbox, s->chosen);
	if (!item || !is_visible(s, item)) {
		find_chosen(s, &count);
		item = item_at(s, place < count ? place : count ? count - 1 : 0);
		snprintf(s->chosen, sizeof(s->chosen), "%s", item ? item->proposal.id : "");
	}
	return true;
}

/* --- typing --- */

/* Ask for a line of text. False when it was given up with escape. */
static bool ask(struct screen *s, const char *question, char text[INPUT_MAX])
{
	size_t len = strlen(text);

	for (;;) {
		int key;

		say(s, "%s%s", question, text);
		if (s->message.len >= (size_t)COLS && COLS > 1) /* what is typed last is what has to be seen */
			buf_consume(&s->message, s->message.len - (size_t)COLS + 1);
		draw(s);
		move(LINES - 1, s->message.len < (size_t)COLS ? (int)s->message.len : COLS - 1);
		key = getch();
		buf_truncate(&s->message, 0);
		if (key == KEY_ESCAPE || key == CONTROL('c') || key == CONTROL('g'))
			return false;
		if (key == KEY_RETURN || key == '\n' || key == KEY_ENTER)
			return true;
		if (key == KEY_BACKSPACE || key == KEY_DELETED || key == CONTROL('h'))
			len -= len > 0;
		else if (key >= ' ' && key < KEY_DELETED && len + 1 < INPUT_MAX)
			text[len++] = (char)key;
		text[len] = '\0';
	}
}

/* --- deciding --- */

/* Make the page of a proposal. */
static void open_page(struct screen *s, const struct item *i, const struct buf *file)
{
	struct notified_one *one = notified_find(&s->known, i->proposal.id);
	AUTO_BUF text = BUF_INIT, routes = BUF_INIT;
	struct error e = ERROR_INIT;

	if (!item_routes(i, &routes, &e)) {
		say(s, "%s", e.text);
		return;
	}
	show_page(i, buf_slice(&routes), file, &text);
	item_seen(i, buf_slice(&routes), s->seen);
	snprintf(s->open, sizeof(s->open), "%s", i->proposal.id);
	if (one)
		one->is_new = false;
	page_set(&s->page, buf_slice(&text));
	s->view = VIEW_PAGE;
}

/* Decide the proposal whose page is open, as it was shown. */
static void finish(struct screen *s, bool approve, const char *reason, const struct buf *file)
{
	const struct item *i = inbox_item(&s->inbox, s->open);
	struct ruling ruling = { .approve = approve, .seen = s->seen, .file = file,
				 .reason = slice_trim(slice_str(reason), " ") };
	struct error e = ERROR_INIT;
	enum queue_status status;

	if (!i) {
		say(s, "proposal %.8s is no longer pending", s->open);
		s->view = VIEW_LIST;
		return;
	}
	say(s, "...");
	draw(s);
	if (!decide(s->home, i, &ruling, &status, &e)) {
		say(s, "%s", e.text);
		return;
	}
	say(s, "%s %.8s", queue_status_names[status], s->open);
	s->view = VIEW_LIST;
}

/* "a" and "r": ask for the reason, then decide. */
static void rule(struct screen *s, bool approve)
{
	const struct item *i = inbox_item(&s->inbox, s->open);
	bool optional = approve && i && queue_tool_is_routes(i->proposal.tool);
	char reason[INPUT_MAX] = "";

	if (!ask(s, optional ? "approve: reason, or enter: " : approve ? "approve: reason: " : "reject: reason: ",
		 reason))
		say(s, "%s aborted", approve ? "approve" : "reject");
	else
		finish(s, approve, reason, NULL);
}

/* "m": edit, look at what that would change, and then decide. */
static void modify(struct screen *s)
{
	const struct item *i = inbox_item(&s->inbox, s->open);
	char reason[INPUT_MAX] = "";
	struct error e = ERROR_INIT;
	AUTO_BUF file = BUF_INIT;
	bool edited;

	if (!i || !queue_tool_is_routes(i->proposal.tool)) {
		say(s, i ? "a proposal of '%s' cannot be modified" : "%s",
		    i ? queue_tool_names[i->proposal.tool] : "it is no longer pending");
		return;
	}
	def_prog_mode();
	endwin();
	edited = edit_text(doc_get_str(i->proposal.doc, "proposed_file"), &file, &e);
	reset_prog_mode();
	clearok(stdscr, TRUE);
	if (!edited) {
		say(s, "%s", e.text);
		return;
	}
	open_page(s, i, &file);
	if (ask(s, "approve these routes: reason, or enter; escape: no: ", reason))
		finish(s, true, reason, &file);
	else
		say(s, "modify aborted");
}

/* --- keys --- */

/* Move the mark, or the page, by some lines. */
static void go(struct screen *s, long lines)
{
	size_t count, place = find_chosen(s, &count);
	size_t *at = s->view == VIEW_LIST ? &place : &s->page.top;
	struct item *item;

	*at = lines < 0 && (size_t)-lines > *at ? 0 : *at + (size_t)lines;
	if (s->view != VIEW_LIST)
		return; /* drawing keeps it within the page */
	item = item_at(s, place < count ? place : count ? count - 1 : 0);
	if (item)
		snprintf(s->chosen, sizeof(s->chosen), "%s", item->proposal.id);
}

static void leave_view(struct screen *s)
{
	if (s->view == VIEW_LIST)
		s->leave = true;
	s->view = VIEW_LIST;
}

/* Keys of the list alone. */
static void press_in_list(struct screen *s, int key)
{
	const struct item *i = inbox_item(&s->inbox, s->chosen);
	char filter[INPUT_MAX];

	if (key == '/') {
		snprintf(filter, sizeof(filter), "%s", s->filter);
		if (ask(s, "/", filter))
			memcpy(s->filter, filter, sizeof(filter));
		go(s, 0);
		return;
	}
	if (!i)
		return;
	open_page(s, i, NULL);
	if (s->view == VIEW_PAGE && key != KEY_RETURN && key != '\n' && key != KEY_ENTER)
		say(s, "press %c again to decide what is shown here", key);
}

static void press(struct screen *s, int key)
{
	long height = (long)body_height();

	buf_truncate(&s->message, 0);
	switch (key) {
	case KEY_UP: case 'k': go(s, -1); break;
	case KEY_DOWN: case 'j': go(s, 1); break;
	case KEY_PPAGE: case CONTROL('b'): go(s, -height); break;
	case KEY_NPAGE: case CONTROL('f'): case ' ': go(s, height); break;
	case KEY_HOME: case 'g': go(s, -QUEUE_ENTRIES_MAX); break;
	case KEY_END: case 'G': go(s, QUEUE_ENTRIES_MAX); break;
	case KEY_RESIZE: clearok(stdscr, TRUE); break;
	case 'q': case KEY_ESCAPE: leave_view(s); break;
	case '?':
		page_set(&s->page, slice_str(help_text));
		s->view = VIEW_HELP;
		break;
	case 'a': case 'r': case 'm': case '/': case KEY_RETURN: case '\n': case KEY_ENTER:
		if (s->view == VIEW_LIST)
			press_in_list(s, key);
		else if (s->view == VIEW_PAGE && (key == 'a' || key == 'r'))
			rule(s, key == 'a');
		else if (s->view == VIEW_PAGE && key == 'm')
			modify(s);
		break;
	default:
		break;
	}
}

bool screen_run(const char *home, const char *notify, struct error *e)
{
	struct screen s = { .home = home, .notify = notify, .inbox = INBOX_INIT, .known = NOTIFIED_INIT,
			    .page = PAGE_INIT,
			    .message = BUF_INIT };
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	bool ok = true;

	if (!terminal)
		return error_set(e, STATUS_WORLD, "unable to use this terminal; is TERM right? 'list' needs none");
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	timeout(REFRESH_MS);
	while (ok && !s.leave) {
		int key;

		ok = look(&s, e);
		draw(&s);
		key = getch();
		if (key == CONTROL('c'))
			s.leave = true;
		else if (key != ERR)
			press(&s, key);
	}
	endwin();
	delscreen(terminal);
	inbox_release(&s.inbox);
	notified_release(&s.known);
	page_release(&s.page);
	buf_release(&s.message);
	return ok;
}
