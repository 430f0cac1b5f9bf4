/* The verb `routing` of the program. */
#pragma once

/* `argv` is what follows the verb, with its own options. Returns the exit code; 2: used wrongly. */
int gateway_routing(int argc, char **argv);
