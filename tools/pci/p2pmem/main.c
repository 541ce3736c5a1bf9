// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem: the command's arguments
 *
 * Floor 11.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static const char usage_text[] =
	"Usage: p2pmem [OPTIONS] COMMAND [ARGUMENTS]\n"
	"\n"
	"Which PCI devices reach each other's memory, why not, and whether it is used.\n"
	"\n"
	"  list                   who lends memory\n"
	"  topo                   who reaches whom: distance and permission of every pair\n"
	"       --tree            the bridges, with links and ACS\n"
	"       --dot, --svg      a picture, for or by graphviz\n"
	"  path PROVIDER CLIENT   one pair, hop by hop: the verdict, what is at fault, the remedy\n"
	"       -q, --quiet       only the exit status\n"
	"  stat                   bytes, failures and fallbacks\n"
	"       --watch SECONDS   again and again (--count N: so often)\n"
	"  check                  what keeps peer-to-peer from working, worst first\n"
	"  nvmet [show]           namespaces of the NVMe target and the memory that they use\n"
	"  nvmet set NQN NSID auto|off|DEV\n"
	"  nvmet save|restore [FILE]\n"
	"                         what nvmetcli does not keep of them over a boot\n"
	"       --force           set, restore: also what hosts may use: they get errors for a\n"
	"                         moment\n"
	"       --wait SECONDS    restore: for providers that are not there yet (30)\n"
	"  snapshot FILE          what all of this is made from, without serial numbers\n"
	"\n"
	"Devices are PCI addresses (0000:03:00.0, 03:00.0), or nvme0, nvme0n1, mlx5_0, eth0.\n"
	"\n"
	"  --from FILE|DIR        of this snapshot, or of a directory that holds a captured /sys\n"
	"  --json                 JSON, described by schema.json\n"
	"  --color WHEN           always, never or auto (NO_COLOR is honoured)\n"
	"  -h, --help             this text\n"
	"  --version              the version\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong use, 3 the answer is no. See p2pmem(8).\n";

enum {
	OPTION_FROM = 256,
	OPTION_JSON,
	OPTION_COLOR,
	OPTION_VERSION,
	OPTION_TREE,
	OPTION_DOT,
	OPTION_SVG,
	OPTION_WATCH,
	OPTION_COUNT,
	OPTION_FORCE,
	OPTION_WAIT,
};

static const struct option long_options[] = {
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "color", required_argument, NULL, OPTION_COLOR },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "tree", no_argument, NULL, OPTION_TREE },
	{ "dot", no_argument, NULL, OPTION_DOT },
	{ "svg", no_argument, NULL, OPTION_SVG },
	{ "quiet", no_argument, NULL, 'q' },
	{ "watch", required_argument, NULL, OPTION_WATCH },
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{}
};

struct call {
	const char *from;
	bool json;
	const char *color;
	struct options o;
};

static int wrong_use(const char *what)
{
	complain("%s; p2pmem --help lists what there is", what);
	return USAGE;
}

static void set_terminal(struct context *c, const char *color)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	c->terminal = isatty(STDOUT_FILENO);
	terminal_size(c);
	c->color = c->terminal && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	if (!strcmp(color, "always"))
		c->color = true;
	else if (!strcmp(color, "never"))
		c->color = false;
}

static int run(struct context *c, const struct call *call, int argc, char **argv)
{
	const char *name = argv[0];

	if (!strcmp(name, "nvmet"))
		return command_nvmet(c, &call->o, argc - 1, argv + 1);
	if (!strcmp(name, "path"))
		return argc == 3 ? command_path(c, &call->o, argv[1], argv[2]) :
				   wrong_use("path needs two devices");
	if (!strcmp(name, "snapshot"))
		return argc == 2 ? command_snapshot(c, argv[1]) :
				   wrong_use("snapshot needs the name of a file, or -");
	if (argc > 1)
		return wrong_use(arena_printf(c->m->arena, "%s takes no arguments", name));
	if (!strcmp(name, "list"))
		return command_list(c);
	if (!strcmp(name, "topo"))
		return command_topo(c, &call->o);
	if (!strcmp(name, "stat"))
		return command_stat(c, &call->o);
	return command_check(c);
}

static bool known(const char *name)
{
	static const char * const names[] = {
		"list", "topo", "path", "stat", "check", "nvmet", "snapshot",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* An option of another command does nothing: that is an error, not silence. */
static bool options_fit(const char *name, const char *action, const struct call *call)
{
	const struct options *o = &call->o;
	bool restores;

	if ((o->tree || o->dot || o->svg) && strcmp(name, "topo"))
		return false;
	if (o->tree + o->dot + o->svg > 1 || (call->json && (o->dot || o->svg)))
		return false;
	if (o->quiet && strcmp(name, "path"))
		return false;
	if (o->quiet && call->json)
		return false;
	if ((o->watch || o->count) && strcmp(name, "stat"))
		return false;
	if (o->count && !o->watch)
		return false;
	if (strcmp(name, "nvmet") || !action)
		return !o->force && o->wait < 0;
	restores = !strcmp(action, "restore");
	if (o->force && !restores && strcmp(action, "set"))
		return false;
	return o->wait < 0 || restores;
}

/* A number of seconds, at most a day */
static bool parse_seconds(const char *text, double least, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && *seconds >= least && *seconds <= 86400;
}

/* 0, or the exit status + 1 */
static int parse_options(int argc, char **argv, struct call *call)
{
	uint64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "hq", long_options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			fputs(usage_text, stdout);
			return DONE + 1;
		case OPTION_VERSION:
			puts("p2pmem " P2PMEM_VERSION);
			return DONE + 1;
		case 'q':
			call->o.quiet = true;
			break;
		case OPTION_FROM:
			call->from = optarg;
			break;
		case OPTION_JSON:
			call->json = true;
			break;
		case OPTION_COLOR:
			if (strcmp(optarg, "always") && strcmp(optarg, "never") &&
			    strcmp(optarg, "auto"))
				return wrong_use("--color is always, never or auto") + 1;
			call->color = optarg;
			break;
		case OPTION_TREE:
			call->o.tree = true;
			break;
		case OPTION_DOT:
			call->o.dot = true;
			break;
		case OPTION_SVG:
			call->o.svg = true;
			break;
		case OPTION_FORCE:
			call->o.force = true;
			break;
		case OPTION_WATCH:
			if (!parse_seconds(optarg, 0.01, &call->o.watch))
				return wrong_use("--watch takes 0.01 to 86400 seconds") + 1;
			break;
		case OPTION_WAIT:
			if (!parse_seconds(optarg, 0, &call->o.wait))
				return wrong_use("--wait takes 0 to 86400 seconds") + 1;
			break;
		case OPTION_COUNT:
			if (!parse_u64(optarg, 10, UINT32_MAX, &n) || !n)
				return wrong_use("--count is a number") + 1;
			call->o.count = n;
			break;
		default:
			fputs("p2pmem --help lists what there is\n", stderr);
			return USAGE + 1;
		}
	}
	return 0;
}

static int on_machine(const struct call *call, int argc, char **argv)
{
	struct context c = { .out = stdout, .json = call->json };
	uint64_t inventory = 0;
	struct tree *tree;
	char error[512];
	int ret;

	tree = tree_open(call->from, error, sizeof(error));
	if (!tree) {
		complain("%s", error);
		return FAILED;
	}
	set_terminal(&c, call->color);
	if (!strcmp(argv[0], "snapshot"))
		tree_record(tree);
	/* before: what changes while the machine is read is noticed by the watch */
	if (call->o.watch)
		inventory = read_inventory(tree);
	c.m = machine_read(tree);
	c.m->inventory = inventory;
	c.j = evaluator_open(c.m);
	if (c.m->pci_error) {
		complain("%s%ssys/bus/pci/devices: %s%s", call->from,
			 call->from[strlen(call->from) - 1] == '/' ? "" : ": ",
			 strerror(c.m->pci_error),
			 tree_is_live(tree) ? "; is /sys mounted?" :
			 "; no /sys was captured there");
		ret = FAILED;
	} else {
		ret = run(&c, call, argc, argv);
	}
	if (c.names)
		registers_close(c.names);
	machine_free(c.m);
	tree_close(tree);
	return ret;
}

static int on_arguments(int argc, char **argv)
{
	struct call call = { .from = "/", .color = "auto", .o.wait = -1 };
	int ret = parse_options(argc, argv, &call);

	if (ret)
		return ret - 1;
	argc -= optind;
	argv += optind;
	if (!argc)
		return wrong_use("a command is missing");
	if (!known(argv[0]))
		return wrong_use("this is no command of p2pmem");
	if (!options_fit(argv[0], argc > 1 ? argv[1] : NULL, &call))
		return wrong_use("these options do not belong to this command, or not together");
	return on_machine(&call, argc, argv);
}

int main(int argc, char **argv)
{
	int ret;

	/* A reader that went away is an error of writing as a full disk is. */
	signal(SIGPIPE, SIG_IGN);
	ret = on_arguments(argc, argv);
	errno = 0;
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output cannot be written%s%s", errno ? ": " : "",
			 errno ? strerror(errno) : "");
		ret = FAILED;
	}
	return ret;
}
