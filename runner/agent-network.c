/*
 * First program of the agent container: agent-network <program> [argument ...]
 *
 * Where LANEKEEPER_NETWORK is not `open`, it takes away from itself, and so from everything it starts, the way to make any socket
 * but a unix one; then it becomes the program. The kernel inherits the filter and offers no way back. It needs no privilege,
 * and if it cannot be installed the container ends: without its network policy, nothing runs.
 *
 * It must be the container's first process, with no init before it: a process without the filter could be taken over by one with it.
 *
 * Also refused: io_uring, which makes sockets without the system call, and every foreign calling convention (32-bit, x32),
 * whose calls have other numbers.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#error "no filter for this architecture"
#endif
#define X32_SYSCALL_BIT 0x40000000

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* How many instructions to skip if so, and if not. */
#define IF_EQUAL(value, so, not) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, so, not)
#define IF_AT_LEAST(value, so, not) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, so, not)
#define RETURN(verdict) BPF_STMT(BPF_RET | BPF_K, verdict)

static struct sock_filter filter[] = {
    LOAD(arch),
    IF_EQUAL(OWN_ARCH, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    IF_AT_LEAST(X32_SYSCALL_BIT, 0, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    IF_EQUAL(__NR_io_uring_setup, 0, 1),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    IF_EQUAL(__NR_socket, 1, 0),
    RETURN(SECCOMP_RET_ALLOW),
    LOAD(args[0]),
    IF_EQUAL(AF_UNIX, 0, 1),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_ERRNO | EACCES),
};

static int close_network(void) {
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv) {
  const char *network = getenv("LANEKEEPER_NETWORK");
  if (argc < 2) {
    fputs("usage: agent-network <program> [argument ...]\n", stderr);
    return 64;
  }
  if ((network == NULL || strcmp(network, "open") != 0) && close_network() != 0) {
    perror("agent-network: the network could not be closed");
    return 71;
  }
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 127;
}
