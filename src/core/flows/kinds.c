#include "core/flows/flows.h"

const FlowKind *const core_flow_kinds[] = {&flow_kind_session,
                                           &flow_kind_permission,
                                           &flow_kind_question,
                                           &flow_kind_start,
                                           &flow_kind_person,
                                           &flow_kind_command,
                                           &flow_kind_fallback,
                                           &flow_kind_notice,
                                           &flow_kind_catchup,
                                           &flow_kind_cleanup,
                                           NULL};
