// Metrics: a Prometheus registry of one process, handed to whoever measures. No globals.
//
//   Metrics metrics;
//   prometheus::Counter& parked =
//       metrics.Counter("epigrid_tracing_parked_records_total", "Records set aside as poison");
//   parked.Increment();
//
// Ask for a metric once, where its user is constructed, and hold the reference: asking takes a lock
// and a search, and the reference lives as long as the Metrics. Asking again for the same name and
// labels gives the same metric.
//
// Names are epigrid_<service>_<what>_<unit>[_total], base units (seconds, bytes); the families that
// public dashboards know (grpc_server_*) keep their names. Labels have few values: never an id.
//
// Threads: all of it may be called from any.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Registry;
}

namespace epigrid {

using MetricLabels = std::map<std::string, std::string>;

// From half a millisecond to ten seconds: for whatever a caller waits for.
extern const std::vector<double> kLatencyBucketsSeconds;

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A counter's name ends in _total. Aborts on a name that breaks the rules above.
  prometheus::Counter& Counter(const std::string& name, const std::string& help,
                               const MetricLabels& labels = {});
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help,
                           const MetricLabels& labels = {});
  // Upper bounds, rising; the one for everything above is added.
  prometheus::Histogram& Histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& buckets,
                                   const MetricLabels& labels = {});

  // All metrics in Prometheus's text format, version 0.0.4.
  std::string Text() const;

 private:
  std::unique_ptr<prometheus::Registry> registry_;
};

}  // namespace epigrid
