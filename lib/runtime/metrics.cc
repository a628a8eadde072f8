#include "lib/runtime/metrics.h"

#include <prometheus/check_names.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <variant>

#include "lib/base/check.h"
#include "lib/runtime/process_figures.h"
#include "lib/runtime/version.h"

namespace millrace::runtime {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Enough for every partition of a large broker; a scrape of as many series takes about 100 ms of the loop.
constexpr std::size_t kSeriesMax = 50'000;

struct Series {
    MetricLabels labels;
    // A reader, or a plain number at a stable place.
    std::variant<std::function<double()>, Counter, Gauge, Histogram, std::function<SummaryValue()>>
        value;
};

struct Family {
    MetricType type = MetricType::Untyped;
    std::string help;
    std::deque<Series> series;  // references into it stay valid
    std::function<std::vector<MetricSample>()> read;
};

void set_labels(ClientMetric& metric, const MetricLabels& labels) {
    for (const auto& [name, value] : labels) {
        metric.label.push_back({name, value});
    }
}

void set_value(ClientMetric& metric, MetricType type, double value) {
    if (type == MetricType::Counter) {
        metric.counter.value = value;
    } else if (type == MetricType::Untyped) {
        metric.untyped.value = value;
    } else {
        metric.gauge.value = value;
    }
}

void set_histogram(ClientMetric& metric, const Histogram& histogram) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
        below += histogram.counts()[i];
        const double bound = i < histogram.bounds().size()
                                 ? histogram.bounds()[i]
                                 : std::numeric_limits<double>::infinity();
        metric.histogram.bucket.push_back({below, bound});
    }
    metric.histogram.sample_count = histogram.total();
    metric.histogram.sample_sum = histogram.sum();
}

void set_summary(ClientMetric& metric, const SummaryValue& summary) {
    for (const auto& [quantile, value] : summary.quantiles) {
        metric.summary.quantile.push_back({quantile, value});
    }
    metric.summary.sample_count = summary.count;
    metric.summary.sample_sum = summary.sum;
}

ClientMetric collect(const Series& series, MetricType type) {
    ClientMetric metric;
    set_labels(metric, series.labels);
    if (const auto* const counter = std::get_if<Counter>(&series.value)) {
        metric.counter.value = static_cast<double>(counter->value);
    } else if (const auto* const gauge = std::get_if<Gauge>(&series.value)) {
        metric.gauge.value = gauge->value;
    } else if (const auto* const histogram = std::get_if<Histogram>(&series.value)) {
        set_histogram(metric, *histogram);
    } else if (const auto* const read = std::get_if<std::function<SummaryValue()>>(&series.value)) {
        set_summary(metric, (*read)());
    } else {
        set_value(metric, type, std::get<0>(series.value)());
    }
    return metric;
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : x_bounds(std::move(bounds)), x_counts(x_bounds.size() + 1) {
    CHECK(std::ranges::is_sorted(x_bounds));
}

void Histogram::observe(double value) {
    const auto at = std::ranges::lower_bound(x_bounds, value);
    x_counts[static_cast<std::size_t>(at - x_bounds.begin())] += 1;
    x_sum += value;
    x_total += 1;
}

std::vector<double> latency_bounds_seconds() {
    return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
            0.05,   0.1,     0.25,   0.5,   1,      2.5,   10};
}

struct Metrics::State {
    std::map<std::string, Family> families;
    std::size_t series_count = 0;

    Family& family(const std::string& name, const std::string& help, MetricType type) {
        CHECK(prometheus::CheckMetricName(name), "a metric name with forbidden characters");
        const auto [found, fresh] = families.try_emplace(name);
        if (fresh) {
            found->second.type = type;
            found->second.help = help;
        }
        CHECK(found->second.type == type, "one metric name with two kinds");
        return found->second;
    }

    template <class Value, class... Arguments>
    Value& series(Family& family, const MetricLabels& labels, Arguments&&... arguments) {
        CHECK(!family.read, "a metric name with a family callback has other series");
        for (Series& present : family.series) {
            if (present.labels == labels) {
                return std::get<Value>(present.value);
            }
        }
        for (const auto& [name, value] : labels) {
            CHECK(prometheus::CheckLabelName(name), "a label name with forbidden characters");
        }
        CHECK(++series_count <= kSeriesMax, "too many metric series");
        family.series.push_back({labels, Value(std::forward<Arguments>(arguments)...)});
        return std::get<Value>(family.series.back().value);
    }

    void callback(Family& family, const MetricLabels& labels, std::function<double()> read) {
        series<std::function<double()>>(family, labels) = std::move(read);
    }

    MetricFamily collect_family(const std::string& name, const Family& family) const {
        MetricFamily collected;
        collected.name = name;
        collected.help = family.help;
        collected.type = family.type;
        for (const Series& present : family.series) {
            collected.metric.push_back(collect(present, family.type));
        }
        if (family.read) {
            std::vector<MetricSample> samples = family.read();
            samples.resize(std::min(samples.size(), kSeriesMax));
            for (const MetricSample& sample : samples) {
                ClientMetric& metric = collected.metric.emplace_back();
                set_labels(metric, sample.labels);
                set_value(metric, family.type, sample.value);
            }
        }
        return collected;
    }
};

Metrics::Metrics(const std::string& binary_name) : x_state(std::make_unique<State>()) {
    gauge("millrace_build_info", "Always 1; the labels tell the build.",
          {{"binary", binary_name},
           {"version", std::string(version())},
           {"revision", std::string(revision())}})
        .set(1);
}

Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help,
                          const MetricLabels& labels) {
    return x_state->series<Counter>(x_state->family(name, help, MetricType::Counter), labels);
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help,
                      const MetricLabels& labels) {
    return x_state->series<Gauge>(x_state->family(name, help, MetricType::Gauge), labels);
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              std::vector<double> bounds, const MetricLabels& labels) {
    return x_state->series<Histogram>(x_state->family(name, help, MetricType::Histogram), labels,
                                      std::move(bounds));
}

void Metrics::gauge_callback(const std::string& name, const std::string& help,
                             const MetricLabels& labels, std::function<double()> read) {
    x_state->callback(x_state->family(name, help, MetricType::Gauge), labels, std::move(read));
}

void Metrics::counter_callback(const std::string& name, const std::string& help,
                               const MetricLabels& labels, std::function<double()> read) {
    x_state->callback(x_state->family(name, help, MetricType::Counter), labels, std::move(read));
}

void Metrics::untyped_callback(const std::string& name, const std::string& help,
                               const MetricLabels& labels, std::function<double()> read) {
    x_state->callback(x_state->family(name, help, MetricType::Untyped), labels, std::move(read));
}

void Metrics::summary_callback(const std::string& name, const std::string& help,
                               std::function<SummaryValue()> read) {
    Family& family = x_state->family(name, help, MetricType::Summary);
    x_state->series<std::function<SummaryValue()>>(family, {}, std::move(read));
}

void Metrics::family_callback(MetricKind kind, const std::string& name, const std::string& help,
                              std::function<std::vector<MetricSample>()> read) {
    const MetricType type = kind == MetricKind::counter ? MetricType::Counter : MetricType::Gauge;
    Family& family = x_state->family(name, help, type);
    CHECK(family.series.empty(), "a metric name with a family callback has other series");
    family.read = std::move(read);
}

std::string Metrics::to_prometheus_text() const {
    std::vector<MetricFamily> families;
    for (const auto& [name, family] : x_state->families) {
        MetricFamily collected = x_state->collect_family(name, family);
        if (!collected.metric.empty()) {
            families.push_back(std::move(collected));
        }
    }
    const ProcessFigures process = read_process_figures();
    const auto add = [&](const char* name, const char* help, MetricType type, double value) {
        MetricFamily& family = families.emplace_back();
        family.name = name;
        family.help = help;
        family.type = type;
        set_value(family.metric.emplace_back(), type, value);
    };
    add("process_cpu_seconds_total", "User and system CPU time used, in seconds.",
        MetricType::Counter, process.cpu_seconds);
    add("process_resident_memory_bytes", "Memory in use, in bytes.", MetricType::Gauge,
        static_cast<double>(process.resident_bytes));
    add("process_open_fds", "Open file descriptors.", MetricType::Gauge,
        static_cast<double>(process.open_descriptors));
    add("process_max_fds", "Most file descriptors that may be open.", MetricType::Gauge,
        static_cast<double>(process.descriptors_max));
    add("process_start_time_seconds", "Start of the process, in seconds since 1970.",
        MetricType::Gauge, process.start_time_seconds);
    std::ranges::sort(families, {}, &MetricFamily::name);
    return prometheus::TextSerializer().Serialize(families);
}

void add_metrics_route(AdminHttp& server, const Metrics& metrics) {
    server.route("GET", "/metrics", [&metrics](const AdminRequest&) {
        return AdminResponse{.body = metrics.to_prometheus_text(),
                             .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    });
}

}  // namespace millrace::runtime
