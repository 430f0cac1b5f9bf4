/* Any bytes as a configuration file: taken or refused, never both; every line of the refusal names the file.
 */
#include <assert.h>

#include "conf/conf-schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        GatewayConf conf;
        char *error = NULL;
        int r = conf_parse("f", (const char *) data, n_bytes, &conf, &error);

        assert((r < 0) == (error != NULL));
        if (r == 0) {
                assert(conf.slack.sockets >= 1 && conf.slack.sockets <= 4);
                assert(conf.slack.api_url[strlen(conf.slack.api_url) - 1] == '/');
                assert(conf.opencode.web_url && conf.gateway.state_dir);
        }
        for (char *line = error; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                assert(str_starts_with(line, "f:") || str_starts_with(line, "and "));
        free(error);
        conf_deinit(&conf);
        return 0;
}
