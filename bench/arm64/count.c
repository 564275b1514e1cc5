/* A plugin for qemu's user mode emulation (QEMU 6.0 or later) that counts the
 * instructions of a range of addresses:
 *
 *   qemu-aarch64 -plugin ./count.so,low=A,high=B,out=FILE[,begin=C,end=D] PROGRAM
 *
 * FILE gets lines with the number of instructions and of multiply-adds among
 * them: one at the end of the program or, where two functions are given, one each
 * time that D is entered, with what was counted since C was entered.
 *
 * Debian packages no header for plugins, so what is used of it is declared here,
 * as docs/devel/tcg-plugins.rst of QEMU documents it. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *), int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *at, uint64_t n);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *), void *data);
enum { no_registers = 0, add_u64 = 0 };

int qemu_plugin_version = 1;

static uint64_t low, high, begin, end;
static uint64_t all, multiply_adds;
static FILE *out;

static void at_begin(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    all = multiply_adds = 0;
}

static void print(void) {
    fprintf(out, "%" PRIu64 " %" PRIu64 "\n", all, multiply_adds);
    fflush(out);
}

static void at_end(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    print();
}

static void at_exit(qemu_plugin_id_t id, void *data) {
    (void)id, (void)data;
    print();
}

static bool is_multiply_add(uint32_t code) {
    return (code & 0xffc0f400) == 0x4f801000    /* fmla v.4s, v.4s, v.s[i] */
           || (code & 0xffe0fc00) == 0x4e20cc00 /* fmla v.4s, v.4s, v.4s */
           || (code & 0xffe08000) == 0x1f000000; /* fmadd s, s, s, s */
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        if (address == begin)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_begin, no_registers, NULL);
        if (address == end)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_end, no_registers, NULL);
        if (address < low || address >= high)
            continue;
        uint32_t code;
        memcpy(&code, qemu_plugin_insn_data(insn), sizeof code);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, add_u64, &all, 1);
        if (is_multiply_add(code))
            qemu_plugin_register_vcpu_insn_exec_inline(insn, add_u64, &multiply_adds, 1);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value)
            return -1;
        *value++ = 0;
        if (!strcmp(argv[i], "low"))
            low = strtoull(value, NULL, 16);
        else if (!strcmp(argv[i], "high"))
            high = strtoull(value, NULL, 16);
        else if (!strcmp(argv[i], "begin"))
            begin = strtoull(value, NULL, 16);
        else if (!strcmp(argv[i], "end"))
            end = strtoull(value, NULL, 16);
        else if (!strcmp(argv[i], "out"))
            out = fopen(value, "w");
    }
    if (!out || !high || !begin != !end) {
        fprintf(stderr, "count: want low, high and out, and begin with end\n");
        return -1;
    }
    if (!end)
        qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
