/* A scenario: people's acts and faults by the clock, from a YAML file (README, "Scenarios"), repeatable by
 * its seed. Each step names one address of the control interface and the body it is posted with:
 *
 *     seed: 7
 *     switches: {retry_scale: 0.01}
 *     steps:
 *       - at: 500ms
 *         message: {user: ann, channel: general, text: "good morning"}
 *       - every: 200ms
 *         times: 50
 *         probability: 0.3
 *         reaction: {user: $person, channel: general, ts: $last, name: eyes}
 *
 * What is drawn (probabilities, jitter, which socket, what a fault delays) follows from the seed. */
#pragma once

#include "local.h"

#define SCENARIO_STEPS_MAX 500

typedef struct Scenario Scenario;

Scenario *scenario_new(Local *l);
void scenario_free(Scenario *s);

/* Begins to play; one that is being played is stopped. NULL, or what is wrong (owned), with nothing begun. */
char *scenario_start(Scenario *s, const json_t *in);
char *scenario_start_yaml(Scenario *s, const char *name, const char *text, size_t n_bytes);
char *scenario_start_file(Scenario *s, const char *path);
void scenario_stop(Scenario *s);

/* Only whether it could be played: the same errors. For `--scenario` before anything starts, and for a
 * fuzzer. */
char *scenario_check(const json_t *in);

/* {"running", "seed", "elapsed_ms", "steps": [{"act", "label"?, "fired", "skipped", "failed", "error"?}]} */
json_t *scenario_render(const Scenario *s);
