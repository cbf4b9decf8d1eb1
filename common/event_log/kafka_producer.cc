#include "common/event_log/kafka_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "common/base/loop_timer.h"
#include "common/event_log/append_backlog.h"
#include "common/kafka/queue_watch.h"

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Offsets = std::vector<Offset>;

constexpr Duration kLookForLate = std::chrono::milliseconds(100);

// What librdkafka says of other errors is a guess: brokers also fail after they have written.
bool CertainlyNotWritten(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    default: return false;
  }
}

Result<KafkaClient> NewWriter(const KafkaCore& core) {
  KafkaSettings settings = KafkaBulkSettings();
  settings.emplace_back("retry.backoff.ms", "20");
  // AppendBacklog bounds what waits, so that these never do.
  settings.emplace_back("queue.buffering.max.messages", "10000000");
  settings.emplace_back("queue.buffering.max.kbytes", "2000000");
  return NewKafkaWriter(core.options.kafka, core.options.linger, settings);
}

}  // namespace

// Appends wait in the order of their calls until every record of theirs has been reported on.
class KafkaProducer::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(KafkaCore& core)
      : core_(core), backlog_(core.options.queue_records_max, core.options.queue_bytes_max) {}

  void Open();
  Future<Result<Offsets>> Append(std::vector<NewRecord> records);
  bool broken() const;
  EventLoop& loop() { return core_.loop; }
  // On the loop's thread. Lives on until everything is reported on.
  void Close();

 private:
  struct Waiting;
  struct Receiver {                        // a shard
    int64_t last = -1;                     // acknowledged place
    size_t waiting = 0;                    // records that are not yet reported on
    SteadyClock::time_point silent_since;  // if any waits
  };
  // What a record's report is about.
  struct Slot {
    Waiting* append = nullptr;
    Receiver* receiver = nullptr;
    Offset offset = 0;
  };
  struct Waiting {
    std::vector<Slot> slots;
    size_t left = 0;  // not yet reported on
    size_t bytes = 0;
    bool failed = false;
    bool possibly_written = false;  // some of it
    Promise<Result<Offsets>> promise;
    std::list<Waiting>::iterator self;
  };
  struct Finished {
    Promise<Result<Offsets>> promise;
    Result<Offsets> result;
  };

  // Under the mutex.
  Status Send(Waiting& append, std::vector<NewRecord>& records);
  rd_kafka_topic_t* TopicHandle(const std::string& topic);
  void Await(const TopicShard& from, Slot& slot);
  void Break(std::string_view why);
  void Purge();
  static bool Acknowledged(const rd_kafka_message_t& message, Receiver& by);
  void Report(const rd_kafka_message_t& message, std::vector<Finished>& finished);
  Result<Offsets> ResultOf(const Waiting& append) const;

  // On the loop's thread.
  void Drain();
  void LookForLate();
  void EndIfDone();

  KafkaCore& core_;
  const CallToken alive_ = core_.calls.Enter();

  mutable std::mutex mutex_;  // of all below
  KafkaClient client_;
  KafkaQueue queue_;
  std::map<std::string, KafkaTopic> topics_;
  AppendBacklog backlog_;
  std::list<Waiting> waiting_;
  std::map<TopicShard, Receiver> receivers_;  // all that there ever were
  bool broken_ = false;
  std::string broken_by_;

  // On the loop's thread.
  std::optional<KafkaQueueWatch> watch_;
  std::optional<LoopTimer> timer_;
  bool closing_ = false;
  std::shared_ptr<State> until_ended_;
};

void KafkaProducer::State::Open() {
  Result<KafkaClient> client = NewWriter(core_);
  if (!client.ok()) {
    broken_ = true;
    broken_by_ = client.status().message();
    return;
  }
  client_ = std::move(client).value();
  queue_ = KafkaQueue(rd_kafka_queue_get_main(client_.get()));
  watch_.emplace(core_.loop, queue_.get(), [weak = weak_from_this()] {
    if (const std::shared_ptr<State> state = weak.lock()) state->Drain();
  });
  core_.loop.Post([weak = weak_from_this(), &loop = core_.loop] {
    const std::shared_ptr<State> state = weak.lock();
    if (state == nullptr || state->closing_) return;
    state->timer_.emplace(loop, [weak] {
      if (const std::shared_ptr<State> alive = weak.lock()) alive->LookForLate();
    });
    state->timer_->Start(kLookForLate);
  });
}

bool KafkaProducer::State::broken() const {
  std::lock_guard lock(mutex_);
  return broken_;
}

Future<Result<Offsets>> KafkaProducer::State::Append(std::vector<NewRecord> records) {
  const size_t bytes = BytesOf(records);
  if (Status status = CheckAppend(records, bytes, core_.shard_count); !status.ok()) {
    return Ready(Result<Offsets>(std::move(status)));
  }
  std::lock_guard lock(mutex_);
  if (broken_) return Ready(Result<Offsets>(LogUnavailable(broken_by_)));
  if (records.empty()) return Ready(Result<Offsets>(Offsets()));
  if (Status status = backlog_.Add(records.size(), bytes); !status.ok()) {
    return Ready(Result<Offsets>(std::move(status)));
  }
  Waiting& append = waiting_.emplace_back();
  append.self = std::prev(waiting_.end());
  append.slots.resize(records.size(), {.append = &append});
  append.bytes = bytes;
  Future<Result<Offsets>> future = append.promise.future();
  if (Status status = Send(append, records); !status.ok()) {
    Break(status.message());
    append.failed = true;
    if (append.left == 0) {  // none of it was taken
      waiting_.pop_back();
      return Ready(Result<Offsets>(LogUnavailable(broken_by_)));
    }
  }
  return future;
}

Status KafkaProducer::State::Send(Waiting& append, std::vector<NewRecord>& records) {
  for (size_t i = 0; i < records.size(); ++i) {
    NewRecord& record = records[i];
    std::array<rd_kafka_vu_t, 6> arguments{};
    arguments[0] = {.vtype = RD_KAFKA_VTYPE_RKT, .u = {.rkt = TopicHandle(record.to.topic)}};
    arguments[1] = {.vtype = RD_KAFKA_VTYPE_PARTITION,
                    .u = {.i32 = static_cast<int32_t>(record.to.shard)}};
    arguments[2] = {.vtype = RD_KAFKA_VTYPE_KEY,
                    .u = {.mem = {record.key.data(), record.key.size()}}};
    arguments[3] = {.vtype = RD_KAFKA_VTYPE_VALUE,
                    .u = {.mem = {record.value.data(), record.value.size()}}};
    arguments[4] = {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}};
    arguments[5] = {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u = {.ptr = &append.slots[i]}};
    const KafkaError refused(rd_kafka_produceva(client_.get(), arguments.data(), arguments.size()));
    if (refused != nullptr) return LogUnavailable(rd_kafka_error_string(refused.get()));
    ++append.left;
    Await(record.to, append.slots[i]);
  }
  return OkStatus();
}

void KafkaProducer::State::Await(const TopicShard& from, Slot& slot) {
  Receiver& receiver = receivers_[from];
  if (receiver.waiting++ == 0) receiver.silent_since = SteadyClock::now();
  slot.receiver = &receiver;
}

rd_kafka_topic_t* KafkaProducer::State::TopicHandle(const std::string& topic) {
  KafkaTopic& handle = topics_[topic];
  if (handle == nullptr) {
    handle = KafkaTopic(rd_kafka_topic_new(client_.get(), core_.TopicName(topic).c_str(), nullptr));
  }
  return handle.get();
}

void KafkaProducer::State::Break(std::string_view why) {
  if (broken_) return;
  broken_ = true;
  broken_by_ = fmt::format("an earlier append failed: {}", why);
  // Of what is purged the client would say that it is a fatal gap.
  rd_kafka_set_log_level(client_.get(), -1);
  Purge();
}

void KafkaProducer::State::Purge() {
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
}

void KafkaProducer::State::Drain() {
  std::vector<Finished> finished;
  {
    std::lock_guard lock(mutex_);
    while (const KafkaEvent event{rd_kafka_queue_poll(queue_.get(), 0)}) {
      switch (rd_kafka_event_type(event.get())) {
        case RD_KAFKA_EVENT_DR:
          while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
            Report(*message, finished);
          }
          break;
        case RD_KAFKA_EVENT_ERROR:
          // Others are told for information: the client tries again.
          if (rd_kafka_event_error_is_fatal(event.get()) != 0) {
            Break(rd_kafka_event_error_string(event.get()));
          }
          break;
        default: break;
      }
    }
  }
  for (Finished& append : finished) append.promise.Set(std::move(append.result));
  EndIfDone();
}

// With its place, behind those before it. librdkafka takes a batch that failed for written when the
// one behind it succeeds, and gives it no place (-1001) or one that it makes up (-1 and what
// follows). It may not be there: a partition that does not know the producer yet takes whatever
// batch comes first. Then nothing that follows in the shard is acknowledged either.
bool KafkaProducer::State::Acknowledged(const rd_kafka_message_t& message, Receiver& by) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  const bool in_place = message.offset > by.last;
  by.last = in_place ? message.offset : std::numeric_limits<int64_t>::max();
  return in_place;
}

void KafkaProducer::State::Report(const rd_kafka_message_t& message,
                                  std::vector<Finished>& finished) {
  Slot& slot = *static_cast<Slot*>(message._private);
  Waiting& append = *slot.append;
  --slot.receiver->waiting;
  slot.receiver->silent_since = SteadyClock::now();
  if (Acknowledged(message, *slot.receiver)) {
    slot.offset = KafkaCore::OffsetOf(message.offset);
    append.possibly_written = true;
  } else {
    append.failed = true;
    append.possibly_written |= !CertainlyNotWritten(message);
    Break(message.err == RD_KAFKA_RESP_ERR_NO_ERROR ? "the brokers do not say where it is"
                                                    : KafkaErrorText(message.err));
  }
  if (--append.left > 0) return;
  backlog_.Remove(append.slots.size(), append.bytes);
  finished.push_back({std::move(append.promise), ResultOf(append)});
  waiting_.erase(append.self);
}

Result<Offsets> KafkaProducer::State::ResultOf(const Waiting& append) const {
  if (append.failed) {
    return append.possibly_written ? AppendUnknown(broken_by_) : LogUnavailable(broken_by_);
  }
  Offsets offsets;
  offsets.reserve(append.slots.size());
  for (const Slot& slot : append.slots) offsets.push_back(slot.offset);
  return offsets;
}

void KafkaProducer::State::LookForLate() {
  {
    std::lock_guard lock(mutex_);
    // Not by how long an append waits: what is slow since there is much would begin again.
    const auto since = SteadyClock::now() - core_.options.append_deadline;
    const bool late = std::ranges::any_of(receivers_, [since](const auto& entry) {
      return entry.second.waiting > 0 && entry.second.silent_since <= since;
    });
    if (late) Break("the brokers did not acknowledge it in time");
    // A purge misses what is on its way from one broker's thread to another's.
    if (broken_ && !waiting_.empty()) Purge();
  }
  if (timer_.has_value()) timer_->Start(kLookForLate);
}

void KafkaProducer::State::Close() {
  closing_ = true;
  {
    std::lock_guard lock(mutex_);
    if (client_ != nullptr) Break("the producer was closed");
  }
  until_ended_ = shared_from_this();
  EndIfDone();
}

void KafkaProducer::State::EndIfDone() {
  if (!closing_) return;
  std::lock_guard lock(mutex_);
  if (!waiting_.empty()) return;
  timer_.reset();
  watch_.reset();
  topics_.clear();
  queue_.reset();
  core_.Dispose(std::move(client_));
  // Not here: it holds the lock.
  core_.loop.Post([ended = std::exchange(until_ended_, nullptr)] {});
}

KafkaProducer::KafkaProducer(KafkaCore& core) : state_(std::make_shared<State>(core)) {
  EPIGRID_CHECK(core.shard_count != 0, "Open the log before producing to it");
  state_->Open();
}

KafkaProducer::~KafkaProducer() {
  state_->loop().Post([state = std::move(state_)] { state->Close(); });
}

bool KafkaProducer::broken() const { return state_->broken(); }

Future<Result<Offsets>> KafkaProducer::Append(std::vector<NewRecord> records) {
  return state_->Append(std::move(records));
}

}  // namespace epigrid
