#include "gateway/missed.h"

#include <uthash.h>

#include "base/macro.h"

#define MISSED_MAX 4096

typedef struct MissedAddress {
        UT_hash_handle hh; /* which keeps the order of insertion */
        char *address;
} MissedAddress;

struct Missed {
        MissedAddress *all;
};

Missed *missed_new(void)
{
        return mem_new(Missed);
}

static void forget(Missed *m, MissedAddress *a)
{
        HASH_DEL(m->all, a);
        free(a->address);
        free(a);
}

void missed_free(Missed *m)
{
        if (!m)
                return;
        while (m->all)
                forget(m, m->all);
        free(m);
}

static MissedAddress *find(Missed *m, const char *address)
{
        MissedAddress *a;

        HASH_FIND_STR(m->all, address, a);
        return a;
}

void missed_note(Missed *m, const char *address)
{
        MissedAddress *a = find(m, address);

        if (a)
                HASH_DEL(m->all, a); /* to the end of the list */
        else {
                a = mem_new(MissedAddress);
                a->address = mem_strdup(address);
        }
        HASH_ADD_KEYPTR(hh, m->all, a->address, strlen(a->address), a);
        if (HASH_COUNT(m->all) > MISSED_MAX)
                forget(m, m->all);
}

bool missed_take(Missed *m, const char *address)
{
        MissedAddress *a = find(m, address);

        if (a)
                forget(m, a);
        return a != NULL;
}
