/* Makes a process see a CPU that has AVX2 and nothing newer, for scripts/avx2_only.sh.
 *
 * The kernel can have CPUID raise SIGSEGV (arch_prctl(2), ARCH_SET_CPUID): the handler executes it
 * and takes AVX-512, VNNI and AMX out of leaf 7 (Intel SDM, vol. 2A, "CPUID").  Programs that read
 * /proc/cpuinfo get the file that AVX2_CPUINFO names.  Programs with a SIGSEGV handler of their own
 * (pytest's faulthandler, the data loaders of PyTorch) do not run under it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

static struct sigaction before;

static void on_cpuid(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *code = (const uint8_t *)registers[REG_RIP];
  (void)number, (void)info;
  if (code[0] != 0x0F || code[1] != 0xA2) { /* a real fault: let it happen again */
    sigaction(SIGSEGV, &before, NULL);
    return;
  }
  uint32_t a, b, c, d, leaf = registers[REG_RAX], part = registers[REG_RCX];
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(part));
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
  if (leaf == 7 && part == 0) {
    b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
    c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
    d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
  }
  if (leaf == 7 && part == 1) {
    a &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));
    d = 0;
  }
  registers[REG_RAX] = a, registers[REG_RBX] = b, registers[REG_RCX] = c, registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  struct sigaction action = {0};
  action.sa_sigaction = on_cpuid;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &before);
  if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0) {
    fputs("avx2_only: this kernel or CPU cannot trap CPUID (flag cpuid_fault)\n", stderr);
    _exit(1);
  }
}

static const char *instead(const char *path) {
  const char *file = getenv("AVX2_CPUINFO");
  return file && path && strcmp(path, "/proc/cpuinfo") == 0 ? file : path;
}

#define OPEN(name)                                                     \
  int name(const char *path, int flags, ...) {                         \
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);     \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                      \
    return real(instead(path), flags, mode);                           \
  }
OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                    \
  FILE *name(const char *path, const char *mode) {                     \
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, #name); \
    return real(instead(path), mode);                                  \
  }
FOPEN(fopen)
FOPEN(fopen64)
