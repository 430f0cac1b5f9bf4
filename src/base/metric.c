#include "base/metric.h"

#include <uthash.h>

static const double bucket_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                       0.25,   0.5,   1,      2.5,   5,    10,    30};
#define N_BUCKETS ELEMENTSOF(bucket_bounds)

typedef enum MetricType { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } MetricType;

struct MetricSeries {
        char *key; /* name{labels} */
        char *name, *help, *labels;
        MetricType type;
        double value; /* the sum, for a histogram */
        uint64_t count, buckets[N_BUCKETS];
        UT_hash_handle hh;
};

struct Metrics {
        MetricSeries *series;
};

Metrics *metrics_new(void)
{
        return mem_new(Metrics);
}

void metrics_free(Metrics *m)
{
        MetricSeries *s, *next;

        if (!m)
                return;
        HASH_ITER (hh, m->series, s, next) {
                HASH_DEL(m->series, s);
                free(s->key);
                free(s->name);
                free(s->help);
                free(s->labels);
                free(s);
        }
        free(m);
}

static MetricSeries *get(Metrics *m, MetricType type, const char *name, const char *help, const char *labels)
{
        _cleanup_free_ char *key = mem_printf("%s{%s}", name, labels ? labels : "");
        MetricSeries *s;

        HASH_FIND_STR(m->series, key, s);
        if (s)
                return s;
        s = mem_new(MetricSeries);
        s->key = take(key);
        s->name = mem_strdup(name);
        s->help = mem_strdup(help);
        s->labels = mem_strdup(labels ? labels : "");
        s->type = type;
        HASH_ADD_KEYPTR(hh, m->series, s->key, strlen(s->key), s);
        return s;
}

MetricSeries *metrics_counter(Metrics *m, const char *name, const char *help, const char *labels)
{
        return get(m, METRIC_COUNTER, name, help, labels);
}

MetricSeries *metrics_gauge(Metrics *m, const char *name, const char *help, const char *labels)
{
        return get(m, METRIC_GAUGE, name, help, labels);
}

MetricSeries *metrics_histogram(Metrics *m, const char *name, const char *help, const char *labels)
{
        return get(m, METRIC_HISTOGRAM, name, help, labels);
}

void metric_add(MetricSeries *s, double value)
{
        s->value += value;
}

void metric_set(MetricSeries *s, double value)
{
        s->value = value;
}

void metric_observe_ms(MetricSeries *s, double value_ms)
{
        double seconds = value_ms / 1000;

        s->value += seconds;
        s->count++;
        for (size_t i = 0; i < N_BUCKETS; i++)
                if (seconds <= bucket_bounds[i])
                        s->buckets[i]++;
}

double metric_value(const MetricSeries *s)
{
        return s->value;
}

static void render_histogram(const MetricSeries *s, Buf *out)
{
        const char *comma = *s->labels ? "," : "";

        for (size_t i = 0; i < N_BUCKETS; i++)
                buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", s->name, s->labels, comma,
                           bucket_bounds[i], (unsigned long long) s->buckets[i]);
        buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", s->name, s->labels, comma,
                   (unsigned long long) s->count);
        buf_printf(out, "%s_sum{%s} %.9g\n%s_count{%s} %llu\n", s->name, s->labels, s->value, s->name,
                   s->labels, (unsigned long long) s->count);
}

static int by_key(const MetricSeries *a, const MetricSeries *b)
{
        return strcmp(a->key, b->key);
}

void metrics_render(Metrics *m, Buf *out)
{
        static const char *const types[] = {"counter", "gauge", "histogram"};
        const char *previous = "";

        HASH_SORT(m->series, by_key);
        for (const MetricSeries *s = m->series; s; s = s->hh.next) {
                if (strcmp(previous, s->name) != 0)
                        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", s->name, s->help, s->name,
                                   types[s->type]);
                previous = s->name;
                if (s->type == METRIC_HISTOGRAM)
                        render_histogram(s, out);
                else if (*s->labels)
                        buf_printf(out, "%s{%s} %.15g\n", s->name, s->labels, s->value);
                else
                        buf_printf(out, "%s %.15g\n", s->name, s->value);
        }
}
