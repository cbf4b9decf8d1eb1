// CheckIns: how many check-ins are acknowledged, and folded as they come; what a single one costs;
// and how fast emptied views are folded anew from them. On Kafka each beside librdkafka's bare
// producer.
//
//   CheckIns check_ins(measurement);
//   check_ins.Measure();                    // adds its rows to the table
//   check_ins.LoadAt(check_ins.sustained() / 2, 1s);
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "epigrid/contact_tracing/v1/contact_tracing.grpc.pb.h"
#include "tests/bench/system/bare_producer.h"
#include "tests/bench/system/closed_loop.h"
#include "tests/bench/system/measurement.h"
#include "tests/bench/system/slot.h"

namespace epigrid::bench {

class CheckIns {
 public:
  // Makes the places known.
  explicit CheckIns(const Measurement& measurement);
  void Measure();

  // Check-ins a second that were folded as they came: after Measure.
  double sustained() const { return sustained_; }
  // One call at a time, each begun when it is due.
  LoadResult LoadAt(double per_second, Duration duration);

 private:
  using Stub = contact_tracing::v1::ContactTracingService::Stub;
  using RecordSlot = Slot<contact_tracing::v1::BatchRecordPresencesRequest,
                          contact_tracing::v1::BatchRecordPresencesResponse>;

  void MakeSettings();
  void Fill(uint64_t number, size_t count,
            contact_tracing::v1::BatchRecordPresencesRequest& request);
  void Issue(Stub& stub, RecordSlot& slot, size_t count, CallDone done);
  std::vector<std::unique_ptr<Stub>> Stubs(size_t count) const;
  LoadResult Load(uint32_t in_flight, size_t channels, size_t per_call, Duration duration);
  size_t MeasureBurst();
  void MeasureOneByOne();
  void MeasureSustained();
  void MeasureRefold();

  const Measurement m_;
  std::vector<std::string> settings_;
  std::unique_ptr<BareProducer> bare_, bare_at_once_;  // null: the log is no Kafka
  std::atomic<uint64_t> next_{0};                      // check-in
  std::atomic<uint64_t> told_{0};
  double sustained_ = 0;
};

}  // namespace epigrid::bench
