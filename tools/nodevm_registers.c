/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded into user-mode Linux on processors with AMX. It keeps the registers
 * of its processes in a buffer without room for those of AMX, and the kernel
 * takes either all registers or none. So those that are missing are written
 * as never used, which is what they are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

long ptrace(enum __ptrace_request request, ...)
{
    static long (*real)(enum __ptrace_request, ...);
    static char all[65536];
    static size_t size;
    struct iovec whole = {all, sizeof(all)};
    va_list rest;

    va_start(rest, request);
    long process = va_arg(rest, long);
    void *address = va_arg(rest, void *);
    void *data = va_arg(rest, void *);
    va_end(rest);
    if (!real)
        real = (long (*)(enum __ptrace_request, ...))dlsym(RTLD_NEXT,
                                                           "ptrace");
    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
        const struct iovec *given = data;

        if (!size && !real(PTRACE_GETREGSET, process, address, &whole))
            size = whole.iov_len;
        if (given->iov_len < size) {
            memcpy(all, given->iov_base, given->iov_len);
            memset(all + given->iov_len, 0, size - given->iov_len);
            whole.iov_len = size;
            data = &whole;
        }
    }
    return real(request, process, address, data);
}
