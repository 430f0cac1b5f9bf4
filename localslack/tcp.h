/* What a test may do to a connection below HTTP and WebSocket: cut it without an answer, or keep it open
 * after everybody said good-bye, as Slack does (reference §1.7). src/net rightly offers neither; the socket
 * is found by the address of its far end. */
#pragma once

#include "base/macro.h"

/* Ends the connection from "127.0.0.1:54321" (or "[::1]:54321") in both directions; the owner sees it as
 * gone. */
void tcp_hang_up(const char *peer);
/* Makes the end of that connection a reset (RST) instead of an orderly one: the next close() does it. */
void tcp_reset_on_close(const char *peer);
/* A second descriptor of that connection: it stays open until this is closed as well; -1 when not found. */
int tcp_hold_open(const char *peer);
