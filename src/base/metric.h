/* Counters, gauges and histograms, rendered in the Prometheus text format 0.0.4. A series is made once and
 * kept by pointer; counting is one addition. Used from the loop thread only. */
#pragma once

#include "base/buf.h"

typedef struct Metrics Metrics;
typedef struct MetricSeries MetricSeries;

Metrics *metrics_new(void);
void metrics_free(Metrics *m);
DEFINE_CLEANUP(Metrics *, metrics_free);

/* `labels` like `method="chat.update",ok="true"` or NULL. The same name and labels give the same series. */
MetricSeries *metrics_counter(Metrics *m, const char *name, const char *help, const char *labels);
MetricSeries *metrics_gauge(Metrics *m, const char *name, const char *help, const char *labels);
/* Seconds, in buckets from 0.5 ms to 30 s. */
MetricSeries *metrics_histogram(Metrics *m, const char *name, const char *help, const char *labels);

void metric_add(MetricSeries *s, double value);
void metric_set(MetricSeries *s, double value);
void metric_observe_ms(MetricSeries *s, double value_ms);
double metric_value(const MetricSeries *s);

void metrics_render(Metrics *m, Buf *out); /* sorts the series, hence not const */
