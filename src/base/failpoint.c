#include "base/failpoint.h"

#ifdef ENABLE_FAILPOINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void failpoint_hit(const char *name)
{
        static atomic_int passes;
        const char *armed = getenv("GATEWAY_FAILPOINT");
        size_t n = strlen(name);

        if (!armed || strncmp(armed, name, n) != 0 || (armed[n] && armed[n] != ':'))
                return;
        if (atomic_fetch_add(&passes, 1) + 1 == (armed[n] ? atoi(armed + n + 1) : 1))
                kill(getpid(), SIGKILL);
}

#else
typedef int failpoint_is_compiled_out;
#endif
