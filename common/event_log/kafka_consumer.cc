#include "common/event_log/kafka_consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "common/base/loop_timer.h"
#include "common/kafka/queue_watch.h"

namespace epigrid {
namespace {

using PolledShards = std::vector<Polled>;

// Of one Poll.
constexpr size_t kPollRecordsMax = 20'000;

}  // namespace

// All of it on the loop's thread.
class KafkaConsumer::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(KafkaCore& core) : core_(core) {}

  EventLoop& loop() { return core_.loop; }
  void Open();
  void Close();
  void Assign(const TopicShard& from, Offset after);
  void Unassign(const TopicShard& from);
  void SetPaused(const TopicShard& from, bool paused);
  void Poll(Duration wait, Promise<Result<PolledShards>> promise);

 private:
  struct Position {
    Offset after = 0;
    uint64_t epoch = 0;
    bool paused = false;
    Offset gap_to = 0;  // where a gap was seen to end
  };

  void Fill();
  void Heed(rd_kafka_event_t* event);
  void Take(const rd_kafka_message_t& message);
  void HeedError(rd_kafka_event_t* event);
  void LostPosition(const TopicShard& shard);
  void Judge(const TopicShard& shard, uint64_t epoch, const Result<KafkaRange>& range);
  void AssignAgain(const TopicShard& shard, Offset gap_to);
  void Fail(Status status);
  void FailShard(const TopicShard& shard, Status status);
  void AnswerIfThereIsSomething();
  void Answer();

  KafkaCore& core_;
  const CallToken alive_ = core_.calls.Enter();
  KafkaClient client_;
  KafkaQueue queue_;
  std::optional<KafkaQueueWatch> watch_;
  std::optional<LoopTimer> timer_;
  bool closed_ = false;

  std::map<TopicShard, Position> shards_;
  uint64_t epochs_ = 0;

  std::optional<Promise<Result<PolledShards>>> polling_;
  PolledShards found_;
  std::map<TopicShard, size_t> places_;  // in found_
  size_t found_records_ = 0;
  size_t found_bytes_ = 0;
  // For the next answers, one each. A shard's own is told whatever else is: nobody else says that
  // it was let go. Of those without a shard one is enough, as they come again.
  struct Failure {
    std::optional<TopicShard> shard;
    Status status;
  };
  std::deque<Failure> failures_;
  std::string unavailable_ = "the client could not be made";  // while there is no client_
};

void KafkaConsumer::State::Open() {
  timer_.emplace(core_.loop, [this] { Answer(); });
  Result<KafkaClient> client = core_.NewReader(RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR);
  if (!client.ok()) {
    unavailable_ = client.status().message();
    return;
  }
  client_ = std::move(client).value();
  rd_kafka_poll_set_consumer(client_.get());
  queue_ = KafkaQueue(rd_kafka_queue_get_consumer(client_.get()));
  watch_.emplace(core_.loop, queue_.get(), [weak = weak_from_this()] {
    const std::shared_ptr<State> state = weak.lock();
    if (state != nullptr && state->polling_.has_value()) state->Fill();
  });
}

void KafkaConsumer::State::Close() {
  closed_ = true;
  Answer();
  timer_.reset();
  watch_.reset();
  queue_.reset();
  core_.Dispose(std::move(client_));
}

void KafkaConsumer::State::Assign(const TopicShard& from, Offset after) {
  if (client_ == nullptr) return;
  Unassign(from);
  std::erase_if(failures_, [&](const Failure& failure) { return failure.shard == from; });
  shards_[from] = {.after = after, .epoch = ++epochs_, .paused = false};
  const KafkaPartitions list = core_.ListOf({from}, KafkaCore::PositionAfter(after));
  const KafkaError error(rd_kafka_incremental_assign(client_.get(), list.get()));
  if (error == nullptr) return;
  FailShard(from, LogUnavailable(rd_kafka_error_string(error.get())));
  AnswerIfThereIsSomething();
}

void KafkaConsumer::State::Unassign(const TopicShard& from) {
  if (client_ == nullptr || shards_.erase(from) == 0) return;
  const KafkaPartitions list = core_.ListOf({from}, RD_KAFKA_OFFSET_INVALID);
  // It may only say that the partition is not assigned.
  const KafkaError ignored(rd_kafka_incremental_unassign(client_.get(), list.get()));
}

void KafkaConsumer::State::SetPaused(const TopicShard& from, bool paused) {
  const auto found = shards_.find(from);
  if (found == shards_.end() || found->second.paused == paused) return;
  found->second.paused = paused;
  const KafkaPartitions list = core_.ListOf({from}, RD_KAFKA_OFFSET_INVALID);
  if (paused) {
    rd_kafka_pause_partitions(client_.get(), list.get());
  } else {
    rd_kafka_resume_partitions(client_.get(), list.get());
  }
}

void KafkaConsumer::State::Poll(Duration wait, Promise<Result<PolledShards>> promise) {
  polling_.emplace(std::move(promise));
  if (closed_) return Answer();
  if (client_ == nullptr) Fail(LogUnavailable(unavailable_));
  if (client_ != nullptr) Fill();
  AnswerIfThereIsSomething();
  if (!polling_.has_value()) return;
  if (wait <= Duration::zero()) return Answer();
  timer_->Start(wait);
}

// What stays in the queue is bounded by librdkafka, which then asks the brokers for no more.
void KafkaConsumer::State::Fill() {
  while (failures_.empty() && found_bytes_ < core_.options.poll_bytes_target &&
         found_records_ < kPollRecordsMax) {
    const KafkaEvent event(rd_kafka_queue_poll(queue_.get(), 0));
    if (event == nullptr) break;
    Heed(event.get());
  }
  AnswerIfThereIsSomething();
}

void KafkaConsumer::State::Heed(rd_kafka_event_t* event) {
  switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
      while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) Take(*message);
      break;
    case RD_KAFKA_EVENT_ERROR: HeedError(event); break;
    default: break;
  }
}

void KafkaConsumer::State::Take(const rd_kafka_message_t& message) {
  const TopicShard from{core_.TopicOf(rd_kafka_topic_name(message.rkt)),
                        static_cast<Shard>(message.partition)};
  const auto position = shards_.find(from);
  if (position == shards_.end()) return;
  const Offset offset = KafkaCore::OffsetOf(message.offset);
  if (offset <= position->second.after) return;
  const bool gap = offset > position->second.after + 1 && offset != position->second.gap_to;
  if (gap && !core_.options.compacted_topics.contains(from.topic)) {
    // A gap counts when it is seen twice: what was fetched for an earlier place is none.
    return AssignAgain(from, offset);
  }
  position->second.after = offset;
  const auto [place, is_new] = places_.try_emplace(from, found_.size());
  if (is_new) found_.push_back({from, {}});
  found_[place->second].records.push_back(KafkaCore::RecordOf(message));
  ++found_records_;
  found_bytes_ += message.key_len + message.len;
}

void KafkaConsumer::State::HeedError(rd_kafka_event_t* event) {
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  const std::string text = rd_kafka_event_error_string(event);
  rd_kafka_topic_partition_t* of = rd_kafka_event_topic_partition(event);
  std::optional<TopicShard> shard;
  if (of != nullptr) {
    if (of->partition >= 0) {
      shard = TopicShard{core_.TopicOf(of->topic), static_cast<Shard>(of->partition)};
    }
    rd_kafka_topic_partition_destroy(of);
  }
  if (shard.has_value() && shards_.contains(*shard)) {
    switch (error) {
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return LostPosition(*shard);
      case RD_KAFKA_RESP_ERR__BAD_MSG:
      case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      case RD_KAFKA_RESP_ERR_INVALID_MSG:
        return FailShard(*shard, Status(Code::kDataLoss, "LOG_CORRUPT",
                                        fmt::format("{} holds what cannot be read: {}; see "
                                                    "docs/playbooks/shard-stopped.md",
                                                    TopicShardName(*shard), text)));
      default: break;
    }
  }
  // The client goes on by itself; whoever reads is told why nothing comes.
  Fail(LogUnavailable(text));
}

// The brokers have no such position: why, tells the range that they have.
void KafkaConsumer::State::LostPosition(const TopicShard& shard) {
  core_.reads.Do([weak = weak_from_this(), &core = core_, token = core_.calls.Enter(), shard,
                  epoch = shards_.at(shard).epoch] {
    Result<KafkaRange> range = core.reader->Range(core.TopicName(shard.topic), shard.shard);
    core.loop.Post([weak, token, shard, epoch, range = std::move(range)] {
      const std::shared_ptr<State> state = weak.lock();
      if (state != nullptr && !state->closed_) state->Judge(shard, epoch, range);
    });
  });
}

void KafkaConsumer::State::Judge(const TopicShard& shard, uint64_t epoch,
                                 const Result<KafkaRange>& range) {
  const auto found = shards_.find(shard);
  if (found == shards_.end() || found->second.epoch != epoch) return;
  const Offset after = found->second.after;
  const int64_t position = KafkaCore::PositionAfter(after);
  if (range.ok() && position < range->begin) {
    FailShard(shard, LogStartMoved(shard, KafkaCore::StartOf(*range), after));
  } else if (range.ok() && position > range->end) {
    FailShard(shard, LogCutShort(shard, static_cast<Offset>(range->end), after));
  } else {
    AssignAgain(shard, 0);  // it is there after all, or nobody can tell: once more
  }
  AnswerIfThereIsSomething();
}

void KafkaConsumer::State::AssignAgain(const TopicShard& shard, Offset gap_to) {
  const Position position = shards_.at(shard);
  Assign(shard, position.after);
  SetPaused(shard, position.paused);
  if (const auto found = shards_.find(shard); found != shards_.end()) found->second.gap_to = gap_to;
}

void KafkaConsumer::State::FailShard(const TopicShard& shard, Status status) {
  Unassign(shard);
  failures_.push_back({shard, OfShard(std::move(status), shard)});
}

void KafkaConsumer::State::Fail(Status status) {
  if (failures_.empty()) failures_.push_back({std::nullopt, std::move(status)});
}

void KafkaConsumer::State::AnswerIfThereIsSomething() {
  if (!failures_.empty() || !found_.empty()) Answer();
}

void KafkaConsumer::State::Answer() {
  if (!polling_.has_value()) return;
  if (timer_.has_value()) timer_->Cancel();
  const Promise<Result<PolledShards>> promise = std::move(*std::exchange(polling_, std::nullopt));
  // Records before the failure that came behind them.
  if (!found_.empty() || failures_.empty()) {
    places_.clear();
    found_records_ = found_bytes_ = 0;
    return promise.Set(std::exchange(found_, {}));
  }
  Status status = std::move(failures_.front().status);
  failures_.pop_front();
  promise.Set(std::move(status));
}

KafkaConsumer::KafkaConsumer(KafkaCore& core) : state_(std::make_shared<State>(core)) {
  state_->loop().Post([state = state_] { state->Open(); });
}

KafkaConsumer::~KafkaConsumer() {
  state_->loop().Post([state = std::move(state_)] { state->Close(); });
}

void KafkaConsumer::Assign(const TopicShard& from, Offset after) {
  state_->loop().Post([state = state_, from, after] { state->Assign(from, after); });
}

void KafkaConsumer::Unassign(const TopicShard& from) {
  state_->loop().Post([state = state_, from] { state->Unassign(from); });
}

void KafkaConsumer::SetPaused(const TopicShard& from, bool paused) {
  state_->loop().Post([state = state_, from, paused] { state->SetPaused(from, paused); });
}

Future<Result<PolledShards>> KafkaConsumer::Poll(Duration wait) {
  Promise<Result<PolledShards>> promise;
  Future<Result<PolledShards>> future = promise.future();
  state_->loop().Post(
      [state = state_, wait, promise = std::move(promise)] { state->Poll(wait, promise); });
  return future;
}

}  // namespace epigrid
