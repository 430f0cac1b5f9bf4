/* Makes two recordings of the same conversation equal: what differs from run to run (timestamps, identifiers,
 * ports, times) gets a name by its first appearance, "ts-1", "id-2", "uuid-3". The same value has the same
 * name everywhere, so that it still shows what refers to what. Pure. */
#pragma once

#include "base/buf.h"

void normalize_export(Buf *text);
