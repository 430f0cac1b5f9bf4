/* A secret is a type: it cannot be printed by accident, and its memory is wiped when it goes. */
#pragma once

#include "base/macro.h"

typedef struct Secret {
        char *value; /* private: read it through secret_reveal() */
} Secret;

void secret_set(Secret *s, const char *value); /* copies; NULL clears */
void secret_deinit(Secret *s);
bool secret_is_set(const Secret *s);
const char *secret_reveal(const Secret *s); /* for the one place that sends it; "" when unset */
const char *secret_print(const Secret *s);  /* "***", or "(unset)" */
/* Constant-time comparison with what a peer offered; false when the secret is unset. */
bool secret_equal(const Secret *s, const char *offered);
