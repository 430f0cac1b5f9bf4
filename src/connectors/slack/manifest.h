/* The Slack app's manifest, printed by `opencode-slack manifest` and pasted into "Create New App → From a
 * manifest". It asks for what the product uses, and for nothing else. */
#pragma once

/* The manifest as indented JSON (owned), with that name and slash command ("/opencode"). NULL when Slack
 * would not take them: a name has 1 to 35 characters, a command is a slash and 1 to 31 of a-z, 0-9, _ and -.
 * https://docs.slack.dev/reference/app-manifest */
char *slack_manifest(const char *app_name, const char *command);
