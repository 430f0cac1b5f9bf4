/* The model that the build made of the shipped texts. */
#include <pthread.h>

#include "core/routing-train.h"
#include "routing-builtin-bytes.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static RouteModel *builtin;

static void read_builtin(void)
{
        builtin = route_model_read(routing_builtin_bytes, sizeof(routing_builtin_bytes), NULL);
}

const RouteModel *route_model_builtin(void)
{
        pthread_once(&once, read_builtin);
        return builtin;
}
