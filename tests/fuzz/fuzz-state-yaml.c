/* A state file of anybody's making: what can be read of it can be written, and reads back the same. */
#include <assert.h>

#include "integrations/workspace/state-yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_json_ json_t *read = NULL, *again = NULL;
        _cleanup_free_ char *error = NULL, *yaml = NULL;

        json_setup();
        read = state_from_yaml((const char *) data, n_bytes, &error);
        assert((read == NULL) == (error != NULL));
        if (!read)
                return 0;
        yaml = state_to_yaml(read, "s1");
        if (strlen(yaml) > STATE_YAML_BYTES_MAX)
                return 0;
        again = state_from_yaml(yaml, strlen(yaml), &error);
        assert(again);
        json_put_str(read, "session", "s1");
        assert(json_equal(read, again));
        return 0;
}
