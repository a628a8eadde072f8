// Figures of the process and their Prometheus text form. Owned by one loop: every member is called
// there, and the structs handed out are plain numbers without locks. References stay valid as long
// as the registry.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/runtime/admin_http.h"

namespace millrace::runtime {

// Names and values. The order given is kept in the output.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

struct Counter {
    std::uint64_t value = 0;
    void add(std::uint64_t n = 1) { value += n; }
};

struct Gauge {
    double value = 0;
    void set(double to) { value = to; }
    void add(double n) { value += n; }
};

// Counts of observations at or below each bound. Bounds are in the metric's unit (seconds, bytes),
// ascending.
class Histogram {
 public:
    explicit Histogram(std::vector<double> bounds);
    void observe(double value);
    void observe(Duration value) { observe(static_cast<double>(value.count()) * 1e-9); }

    const std::vector<double>& bounds() const { return x_bounds; }
    // One more than bounds; the last counts what is above all of them. Not cumulative.
    const std::vector<std::uint64_t>& counts() const { return x_counts; }
    double sum() const { return x_sum; }
    std::uint64_t total() const { return x_total; }

 private:
    std::vector<double> x_bounds;
    std::vector<std::uint64_t> x_counts;
    double x_sum = 0;
    std::uint64_t x_total = 0;
};

// From 100 µs to 10 s, for requests and syncs.
std::vector<double> latency_bounds_seconds();

enum class MetricKind { counter, gauge };

struct MetricSample {
    MetricLabels labels;
    double value = 0;
};

// What somebody else counted: how often, the sum, and (quantile from 0 to 1, value) pairs.
struct SummaryValue {
    std::uint64_t count = 0;
    double sum = 0;
    std::vector<std::pair<double, double>> quantiles;
};

class Metrics {
 public:
    // Registers process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds,
    // process_max_fds, process_start_time_seconds and millrace_build_info{binary,version,revision}.
    explicit Metrics(const std::string& binary_name);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // The series with these labels, made at the first call. A name keeps its kind and its first
    // help text; counters should end in _total. A name of another kind or with forbidden characters
    // is a broken invariant.
    Counter& counter(const std::string& name, const std::string& help,
                     const MetricLabels& labels = {});
    Gauge& gauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
    Histogram& histogram(const std::string& name, const std::string& help,
                         std::vector<double> bounds, const MetricLabels& labels = {});

    // A value read at each scrape.
    void gauge_callback(const std::string& name, const std::string& help,
                        const MetricLabels& labels, std::function<double()> read);
    void counter_callback(const std::string& name, const std::string& help,
                          const MetricLabels& labels, std::function<double()> read);
    // A summary read at each scrape; it has no labels of its own.
    void summary_callback(const std::string& name, const std::string& help,
                          std::function<SummaryValue()> read);
    // For names of others that break Prometheus' rules (a counter without _total, a gauge that ends in _count):
    // without a type nobody takes them for something else, and promtool has nothing against them.
    void untyped_callback(const std::string& name, const std::string& help,
                          const MetricLabels& labels, std::function<double()> read);
    // All series of a name whose labels come and go (partitions, connections). The name has no
    // other series.
    void family_callback(MetricKind kind, const std::string& name, const std::string& help,
                         std::function<std::vector<MetricSample>()> read);

    // The text exposition format 0.0.4, sorted by name.
    std::string to_prometheus_text() const;

 private:
    struct State;
    std::unique_ptr<State> x_state;
};

// GET /metrics. The registry must outlive the server.
void add_metrics_route(AdminHttp& server, const Metrics& metrics);

}  // namespace millrace::runtime
