/* A scenario from a file of anybody's: read, or refused with a place. What was read says the same when it is
 * written as JSON, which is YAML too, and read again. */
#include <assert.h>

#include "scenario.h"
#include "yaml-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_free_ char *error = NULL, *why = NULL;
        _cleanup_json_ json_t *value = yaml_json_parse("input", (const char *) data, n_bytes, &error);

        assert(!value == !!error);
        if (!value)
                return 0;
        why = scenario_check(value);
        assert(!why || *why);
        return 0;
}
