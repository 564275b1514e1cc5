// What the cores can do at best: independent float32 multiply-adds in registers.
//
//	peak THREADS CORES      CORES like 0 or 0,1
//
// Answers "run SECONDS" as the workers of bench/peers do, with GFLOP/s (two a
// multiply-add): the sum over threads, each the fastest of its slices of about
// a millisecond, so that an interruption does not count.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ACCUMULATORS = 12, ROUNDS = 200000, MAX_THREADS = 64 };

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
// Twelve accumulators hide a latency of four at up to three instructions a cycle.
#define FMAS(r) \
	"vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm0\n" "vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm1\n" \
	"vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm2\n" "vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm3\n" \
	"vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm4\n" "vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm5\n" \
	"vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm6\n" "vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm7\n" \
	"vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm8\n" "vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm9\n" \
	"vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm10\n" "vfmadd231ps %%" r "mm14, %%" r "mm15, %%" r "mm11\n"
#define LOOP(r) \
	__asm__ volatile("vzeroall\n 1:\n" FMAS(r) "dec %0\n jnz 1b\n vzeroupper\n" : "+r"(n) : : "xmm0", "xmm1", "xmm2", "xmm3", \
		"xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15", "cc")
static void spin512(long n) { LOOP("z"); }
static void spin256(long n) { LOOP("y"); }
#elif defined(__aarch64__)
#define FMA(i) "fmla v" #i ".4s, v30.4s, v31.4s\n"
static void spin128(long n) {
	__asm__ volatile("movi v30.4s, #0\n movi v31.4s, #0\n 1:\n" FMA(0) FMA(1) FMA(2) FMA(3) FMA(4) FMA(5) FMA(6) FMA(7)
		FMA(8) FMA(9) FMA(10) FMA(11) FMA(16) FMA(17) FMA(18) FMA(19) FMA(20) FMA(21) FMA(22) FMA(23) FMA(24) FMA(25)
		FMA(26) FMA(27) "subs %0, %0, #1\n b.ne 1b\n" : "+r"(n) : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
		"v9", "v10", "v11", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v30", "v31", "cc");
}
#else
#error "no loop is written for this processor"
#endif

struct job {
	int core;
	double seconds, gflops;
};

static void *measure(void *arg) {
	struct job *j = arg;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(j->core, &set);
	pthread_setaffinity_np(pthread_self(), sizeof set, &set);
	j->gflops = 0;
	for (double start = now(); now() - start < j->seconds;) {
		double t = now(), flops;
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx512f")) {
			spin512(ROUNDS);
			flops = 2.0 * 16 * ACCUMULATORS * ROUNDS;
		} else {
			spin256(ROUNDS);
			flops = 2.0 * 8 * ACCUMULATORS * ROUNDS;
		}
#else
		spin128(ROUNDS);
		flops = 2.0 * 4 * 24 * ROUNDS;
#endif
		double g = flops / (now() - t) / 1e9;
		if (g > j->gflops) j->gflops = g;
	}
	return NULL;
}

int main(int argc, char **argv) {
	static struct job jobs[MAX_THREADS];
	int threads = argc == 3 ? atoi(argv[1]) : 0;
	if (threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "peak: want THREADS CORES\n");
		return 1;
	}
	char *rest = argv[2];
	for (int i = 0; i < threads; i++) {
		jobs[i].core = strtol(rest, &rest, 10);
		if (*rest == ',') rest++;
	}
	puts("{\"engine\":\"peak\"}");
	fflush(stdout);
	char line[128];
	double seconds;
	while (fgets(line, sizeof line, stdin) && sscanf(line, "run %lf", &seconds) == 1) {
		pthread_t t[MAX_THREADS];
		double sum = 0;
		for (int i = 0; i < threads; i++) {
			jobs[i].seconds = seconds;
			if (pthread_create(&t[i], NULL, measure, &jobs[i])) return 1;
		}
		for (int i = 0; i < threads; i++) {
			pthread_join(t[i], NULL);
			sum += jobs[i].gflops;
		}
		printf("{\"gflops\":%.3f}\n", sum);
		fflush(stdout);
	}
	return 0;
}
