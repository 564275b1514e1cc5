// XNNPACK's side of bench/peers: runs the operators that write_xnnpack.py lists.
//
//	xnnpack PLAN CASE_DIR THREADS CORES      PLAN xnnpack or xnnpack-apart, CORES like 0 or 0,1
//
// It speaks like the other workers: writes out.PLAN.bin, prints who it is,
// then answers "run SECONDS" with the time of every inference. The API is that
// of Debian's libxnnpack 0.0~git20220216.
#define _GNU_SOURCE
#include <math.h>
#include <pthreadpool.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <xnnpack.h>

enum { MAX_OPS = 1024, MAX_RUNS = 1 << 17, WARM_UP = 3 };

static pthreadpool_t pool;
static xnn_operator_t ops[MAX_OPS];
static int op_count;
static float *arena, *weights;

static void die(const char *what, const char *which) {
	fprintf(stderr, "xnnpack: %s %s\n", what, which);
	exit(1);
}

static void check(enum xnn_status s, const char *kind) {
	if (s != xnn_status_success) die("an operator was refused:", kind);
}

static double now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static long interruptions(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_nivcsw;
}

static void pin(int core) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof set, &set)) die("cannot pin to a core", "");
}

static float *aligned(size_t floats) {
	float *p;
	if (posix_memalign((void **)&p, 64, (floats + 64) * sizeof *p)) die("no memory", "");
	memset(p, 0, (floats + 64) * sizeof *p);
	return p;
}

static void read_floats(const char *dir, const char *name, float *to, size_t n) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	if (!f || fread(to, sizeof *to, n, f) != n) die("cannot read", path);
	fclose(f);
}

static size_t number(FILE *f) {
	size_t v;
	if (fscanf(f, "%zu", &v) != 1) die("the plan ends early", "");
	return v;
}

// One line of the plan: places are an offset in the arena and a pixel stride.
static void add_operator(FILE *f, const char *kind) {
	xnn_operator_t op = NULL;
	const float low = -INFINITY, high = INFINITY;
	float *x = arena + number(f);
	size_t xs = number(f);
	if (op_count == MAX_OPS) die("too many operators", "");
	if (!strcmp(kind, "add")) {
		float *x2 = arena + number(f);
		number(f);
		float *y = arena + number(f);
		number(f);
		size_t n = number(f), relu = number(f);
		check(xnn_create_add_nd_f32(relu ? 0 : low, high, 0, &op), kind);
		check(xnn_setup_add_nd_f32(op, 1, &n, 1, &n, x, x2, y, pool), kind);
		ops[op_count++] = op;
		return;
	}
	float *y = arena + number(f);
	size_t ys = number(f);
	if (!strcmp(kind, "conv")) {
		size_t h = number(f), w = number(f), in = number(f), out = number(f), k = number(f);
		size_t stride = number(f), groups = number(f), relu = number(f);
		float *kernel = weights + number(f), *bias = weights + number(f);
		size_t p = k / 2;
		check(xnn_create_convolution2d_nhwc_f32(p, p, p, p, k, k, stride, stride, 1, 1, groups, in / groups, out / groups,
			xs, ys, kernel, bias, relu ? 0 : low, high, 0, &op), kind);
		check(xnn_setup_convolution2d_nhwc_f32(op, 1, h, w, x, y, pool), kind);
	} else if (!strcmp(kind, "maxpool")) {
		size_t h = number(f), w = number(f), c = number(f);
		check(xnn_create_max_pooling2d_nhwc_f32(1, 1, 1, 1, 3, 3, 2, 2, 1, 1, c, xs, ys, low, high, 0, &op), kind);
		check(xnn_setup_max_pooling2d_nhwc_f32(op, 1, h, w, x, y, pool), kind);
	} else if (!strcmp(kind, "copy")) {
		size_t n = number(f), c = number(f);
		check(xnn_create_copy_nc_x32(c, xs, ys, 0, &op), kind);
		check(xnn_setup_copy_nc_x32(op, n, x, y, pool), kind);
	} else if (!strcmp(kind, "shuffle")) {
		size_t n = number(f), groups = number(f), c = number(f);
		check(xnn_create_channel_shuffle_nc_x32(groups, c / groups, xs, ys, 0, &op), kind);
		check(xnn_setup_channel_shuffle_nc_x32(op, n, x, y, pool), kind);
	} else if (!strcmp(kind, "mean")) {
		size_t n = number(f), c = number(f);
		check(xnn_create_global_average_pooling_nwc_f32(c, xs, ys, low, high, 0, &op), kind);
		check(xnn_setup_global_average_pooling_nwc_f32(op, 1, n, x, y, pool), kind);
	} else if (!strcmp(kind, "linear")) {
		size_t in = number(f), out = number(f);
		float *kernel = weights + number(f), *bias = weights + number(f);
		check(xnn_create_fully_connected_nc_f32(in, out, xs, ys, kernel, bias, low, high, 0, &op), kind);
		check(xnn_setup_fully_connected_nc_f32(op, 1, x, y, pool), kind);
	} else {
		die("unknown operator", kind);
	}
	ops[op_count++] = op;
}

static void infer(void) {
	for (int i = 0; i < op_count; i++) check(xnn_run_operator(ops[i], pool), "run");
}

static void turn(double seconds) {
	static double ms[MAX_RUNS];
	static char switched[MAX_RUNS];
	int n = 0;
	for (int i = 0; i < WARM_UP; i++) infer();
	for (double start = now_ms(); n < MAX_RUNS && now_ms() - start < seconds * 1e3; n++) {
		long before = interruptions();
		double t = now_ms();
		infer();
		ms[n] = now_ms() - t;
		switched[n] = interruptions() != before;
	}
	printf("{\"ms\":[");
	for (int i = 0; i < n; i++) printf("%s%.6f", i ? "," : "", ms[i]);
	printf("],\"switched\":[");
	for (int i = 0; i < n; i++) printf("%s%d", i ? "," : "", switched[i]);
	puts("]}");
}

int main(int argc, char **argv) {
	if (argc != 5) die("want PLAN CASE_DIR THREADS CORES, got other arguments", "");
	const char *name = argv[1], *dir = argv[2];
	int threads = atoi(argv[3]), first = atoi(argv[4]);
	const char *comma = strchr(argv[4], ',');
	check(xnn_initialize(NULL), "initialisation");
	if (threads > 1) {
		// The pool's threads inherit the core that is current when they start.
		pin(comma ? atoi(comma + 1) : first + 1);
		pool = pthreadpool_create(threads);
		pin(first);
	}
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.plan", dir, name);
	FILE *f = fopen(path, "r");
	if (!f) die("cannot read", path);
	size_t floats = number(f), weight_count = number(f);
	size_t in = number(f), in_count = number(f), out = number(f), out_count = number(f);
	arena = aligned(floats);
	weights = aligned(weight_count);
	read_floats(dir, "xnnpack.bin", weights, weight_count);
	read_floats(dir, "xnnpack.in.bin", arena + in, in_count);
	char kind[32];
	while (fscanf(f, "%31s", kind) == 1) add_operator(f, kind);
	fclose(f);

	infer();
	snprintf(path, sizeof path, "%s/out.%s.bin", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(arena + out, sizeof *arena, out_count, f) != out_count || fclose(f)) die("cannot write", path);
	printf("{\"engine\":\"%s\"}\n", name);
	fflush(stdout);
	char line[128];
	while (fgets(line, sizeof line, stdin)) {
		double seconds;
		if (sscanf(line, "run %lf", &seconds) != 1) die("want run SECONDS, got", line);
		turn(seconds);
		fflush(stdout);
	}
	return 0;
}
