#include "common/event_log/kafka_core.h"

#include <algorithm>
#include <set>
#include <thread>

namespace epigrid {
namespace {

using Offsets = std::vector<Offset>;

constexpr Duration kAskAgain = std::chrono::milliseconds(50);

// Another broker is about to answer in its place.
bool Changing(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    // Of a topic that was made a moment ago.
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return true;
    default: return false;
  }
}

// Of partitions that it only asks about, a client goes on asking the broker that led them when it
// looked last.
void LearnLeaders(rd_kafka_t* client, Duration deadline) {
  const rd_kafka_metadata_t* metadata = nullptr;
  // If that fails, so will the question.
  (void)rd_kafka_metadata(client, 1, nullptr, &metadata, KafkaMillis(deadline));
  rd_kafka_metadata_destroy(metadata);
}

using ShardLists = std::vector<std::vector<TopicShard>>;

// Asks once for all shards of several questions, each shard once, and gives each its answers.
Result<std::vector<Offsets>> AskForAll(
    const ShardLists& asked,
    const std::function<Result<Offsets>(const std::vector<TopicShard>&)>& ask) {
  std::set<TopicShard> unique;
  for (const auto& shards : asked) unique.insert(shards.begin(), shards.end());
  const std::vector<TopicShard> all(unique.begin(), unique.end());
  EPIGRID_ASSIGN_OR_RETURN(const Offsets found, ask(all));
  std::vector<Offsets> answers;
  for (const auto& shards : asked) {
    Offsets& answer = answers.emplace_back();
    for (const TopicShard& shard : shards) {
      answer.push_back(found[std::ranges::lower_bound(all, shard) - all.begin()]);
    }
  }
  return answers;
}

Result<std::vector<Offsets>> AnswerBounds(const KafkaCore& core, const ShardLists& asked,
                                          int64_t which) {
  return AskForAll(
      asked, [&](const std::vector<TopicShard>& all) { return core.FetchBounds(all, which); });
}

Result<std::vector<Offsets>> AnswerFloors(KafkaCore& core,
                                          const std::vector<KafkaCore::FloorsOf>& asked) {
  std::map<std::string, std::vector<size_t>> by_group;
  for (size_t i = 0; i < asked.size(); ++i) by_group[asked[i].group].push_back(i);
  std::vector<Offsets> answers(asked.size());
  for (const auto& [group, places] : by_group) {
    ShardLists shards;
    for (const size_t place : places) shards.push_back(asked[place].shards);
    EPIGRID_ASSIGN_OR_RETURN(
        std::vector<Offsets> floors,
        AskForAll(shards, [&, of = std::string(group)](const std::vector<TopicShard>& all) {
          return core.FetchFloors(of, all);
        }));
    for (size_t i = 0; i < places.size(); ++i) answers[places[i]] = std::move(floors[i]);
  }
  return answers;
}

Result<std::vector<KafkaMetadata::Fields>> AnswerMetadata(const KafkaCore& core,
                                                          const std::vector<TopicShard>& asked) {
  EPIGRID_RETURN_IF_ERROR(core.metadata->CatchUp());
  std::vector<KafkaMetadata::Fields> answers;
  for (const TopicShard& shard : asked) answers.push_back(core.metadata->Of(shard));
  return answers;
}

}  // namespace

KafkaCore::KafkaCore(EventLoop& event_loop, KafkaLogOptions with)
    : loop(event_loop),
      options(std::move(with)),
      ends(*this,
           [this](const auto& asked) { return AnswerBounds(*this, asked, RD_KAFKA_OFFSET_END); }),
      starts(*this,
             [this](const auto& asked) {
               return AnswerBounds(*this, asked, RD_KAFKA_OFFSET_BEGINNING);
             }),
      floors_of(*this, [this](const auto& asked) { return AnswerFloors(*this, asked); }),
      metadata_of(*this, [this](const auto& asked) { return AnswerMetadata(*this, asked); }),
      metadata_changes(*this, [this](const auto& changes) -> Result<std::vector<Done>> {
        EPIGRID_RETURN_IF_ERROR(metadata->Put(changes));
        return std::vector<Done>(changes.size());
      }) {}

KafkaCore::~KafkaCore() { calls.WaitForNone(); }

Result<KafkaClient> KafkaCore::NewReader(int events) const {
  return NewKafkaClient(
      RD_KAFKA_CONSUMER, options.kafka,
      {// Nothing is ever committed to it, and nobody joins it: librdkafka wants a name.
       {"group.id", options.topic_prefix + "epigrid.readers"},
       {"enable.auto.commit", "false"},
       {"enable.auto.offset.store", "false"},
       {"auto.offset.reset", "error"},
       {"allow.auto.create.topics", "false"},
       {"check.crcs", "true"},
       {"enable.partition.eof", "false"},
       // A reader that waits is answered at once, and one that has failed asks again soon.
       {"fetch.min.bytes", "1"},
       {"fetch.wait.max.ms", "100"},
       {"fetch.error.backoff.ms", "50"},
       {"topic.metadata.refresh.interval.ms", "30000"},
       {"queued.max.messages.kbytes", "32768"}},
      events);
}

void KafkaCore::Dispose(KafkaClient gone) {
  if (gone == nullptr) return;
  disposal.Do([shared = std::make_shared<KafkaClient>(std::move(gone)),
               token = calls.Enter()]() mutable { shared->reset(); });
}

LogRecord KafkaCore::RecordOf(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  return {.offset = OffsetOf(message.offset),
          .appended_at = Time::FromMillis(rd_kafka_message_timestamp(&message, &type)),
          .key = std::string(static_cast<const char*>(message.key), message.key_len),
          .value = std::string(static_cast<const char*>(message.payload), message.len)};
}

rd_kafka_resp_err_t AskWhileChanging(rd_kafka_t* client,
                                     const std::function<rd_kafka_resp_err_t()>& ask,
                                     Duration deadline) {
  const auto give_up = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    const rd_kafka_resp_err_t error = ask();
    if (!Changing(error) || std::chrono::steady_clock::now() >= give_up) return error;
    std::this_thread::sleep_for(kAskAgain);
    LearnLeaders(client, deadline);
  }
}

KafkaPartitions KafkaCore::ListOf(const std::vector<TopicShard>& of, int64_t value) const {
  KafkaPartitions list = NewKafkaPartitions(of.size());
  for (const TopicShard& shard : of) {
    rd_kafka_topic_partition_list_add(list.get(), TopicName(shard.topic).c_str(),
                                      static_cast<int32_t>(shard.shard))
        ->offset = value;
  }
  return list;
}

Result<Offsets> KafkaCore::FetchBounds(const std::vector<TopicShard>& of, int64_t which) const {
  if (of.empty()) return Offsets();
  KafkaPartitions list;
  const auto ask = [&]() -> rd_kafka_resp_err_t {
    // With the times that stand for these two, as Kafka's protocol has them.
    list = ListOf(of, which);
    const rd_kafka_resp_err_t error =
        rd_kafka_offsets_for_times(client.get(), list.get(), KafkaMillis(options.kafka.deadline));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    for (int i = 0; i < list->cnt; ++i) {
      if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  const rd_kafka_resp_err_t error = AskWhileChanging(client.get(), ask, options.kafka.deadline);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return KafkaStatus(error, "ask where shards begin and end");
  Offsets bounds;
  for (int i = 0; i < list->cnt; ++i) {
    // The position of a record is the offset of the one before it.
    bounds.push_back(static_cast<Offset>(std::max<int64_t>(0, list->elems[i].offset)));
  }
  return bounds;
}

Result<rd_kafka_t*> KafkaCore::FloorsClient(const std::string& group) {
  KafkaClient& of_group = floors[group];
  if (of_group == nullptr) {
    EPIGRID_ASSIGN_OR_RETURN(of_group,
                             NewKafkaClient(RD_KAFKA_CONSUMER, options.kafka,
                                            {{"group.id", options.topic_prefix + group + ".floors"},
                                             {"enable.auto.commit", "false"}},
                                            RD_KAFKA_EVENT_NONE));
    rd_kafka_poll_set_consumer(of_group.get());
  }
  return of_group.get();
}

Result<Offsets> KafkaCore::FetchFloors(const std::string& group,
                                       const std::vector<TopicShard>& of) {
  if (of.empty()) return Offsets();
  static constexpr std::string_view kDoing = "read the floors";
  EPIGRID_ASSIGN_OR_RETURN(rd_kafka_t* const of_group, FloorsClient(group));
  const KafkaPartitions list = ListOf(of, RD_KAFKA_OFFSET_INVALID);
  const Duration deadline = options.kafka.deadline;
  const rd_kafka_resp_err_t error = AskWhileChanging(
      of_group, [&] { return rd_kafka_committed(of_group, list.get(), KafkaMillis(deadline)); },
      deadline);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(error, kDoing);
  Offsets found;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& partition = list->elems[i];
    if (partition.err != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(partition.err, kDoing);
    // Negative: none was ever committed.
    found.push_back(static_cast<Offset>(std::max<int64_t>(0, partition.offset)));
  }
  return found;
}

}  // namespace epigrid
