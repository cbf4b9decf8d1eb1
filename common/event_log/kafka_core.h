// What KafkaLog, its producers and its consumers share. Not for use outside of this directory.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/event_log/calls_under_way.h"
#include "common/event_log/kafka_log.h"
#include "common/event_log/kafka_metadata.h"
#include "common/event_log/kafka_reader.h"
#include "common/event_log/log_errors.h"
#include "common/kafka/handle.h"
#include "common/kafka/worker.h"

namespace epigrid {

struct KafkaCore;

// Of a question that nobody came to within its deadline.
inline Status AskedTooLate() { return LogUnavailable("questions before this one took too long"); }

// Questions of one kind: those that wait for the worker at the same time are answered by one look.
template <typename Question, typename T>
class KafkaQuestions {
 public:
  // Answers all of them, in their order; blocks.
  using Answer = std::function<Result<std::vector<T>>(const std::vector<Question>&)>;
  KafkaQuestions(KafkaCore& core, Answer answer) : core_(core), answer_(std::move(answer)) {}

  // As KafkaCore::Ask.
  Future<Result<T>> Ask(Question question);

 private:
  struct Asked {
    std::vector<Question> questions;
    std::vector<Promise<Result<T>>> promises;
    std::chrono::steady_clock::time_point since;  // the first
    CallToken token;
  };
  void AnswerAll();

  KafkaCore& core_;
  const Answer answer_;
  std::mutex mutex_;
  Asked asked_;
};

struct KafkaCore {
  KafkaCore(EventLoop& event_loop, KafkaLogOptions with);
  ~KafkaCore();

  // Blocks. `which`: RD_KAFKA_OFFSET_BEGINNING or _END.
  Result<std::vector<Offset>> FetchBounds(const std::vector<TopicShard>& of, int64_t which) const;
  Result<std::vector<Offset>> FetchFloors(const std::string& group,
                                          const std::vector<TopicShard>& of);
  // A client of the floors' group that never joins it: such may commit as long as nobody is a
  // member.
  Result<rd_kafka_t*> FloorsClient(const std::string& group);
  KafkaPartitions ListOf(const std::vector<TopicShard>& of, int64_t value) const;

  // Lets `question` be answered on a worker, and its answer come on the loop. One that is not begun
  // within the deadline fails with LOG_UNAVAILABLE.
  template <typename T>
  Future<Result<T>> Ask(KafkaWorker& worker, std::function<Result<T>()> question);

  // A client without a group of its own that reads what it is assigned.
  Result<KafkaClient> NewReader(int events) const;
  // Ends it on a thread that may wait for it.
  void Dispose(KafkaClient client);

  // "<prefix><topic>", and back.
  std::string TopicName(const std::string& topic) const { return options.topic_prefix + topic; }
  std::string TopicOf(const char* name) const { return name + options.topic_prefix.size(); }
  // The shard as librdkafka has it, to be read after an offset.
  static int64_t PositionAfter(Offset after) { return static_cast<int64_t>(after); }
  static Offset OffsetOf(int64_t position) { return static_cast<Offset>(position) + 1; }
  // The greatest offset whose record is gone.
  static Offset StartOf(const KafkaRange& range) { return static_cast<Offset>(range.begin); }
  static LogRecord RecordOf(const rd_kafka_message_t& message);

  EventLoop& loop;
  const KafkaLogOptions options;
  CallsUnderWay calls;
  std::atomic<uint32_t> shard_count = 0;  // zero until Open has succeeded

  // Set by Open, on `questions`.
  KafkaClient client;                   // asks
  std::unique_ptr<KafkaReader> reader;  // for Read
  std::unique_ptr<KafkaMetadata> metadata;
  std::map<std::string, KafkaClient> floors;  // by group

  struct FloorsOf {
    std::string group;
    std::vector<TopicShard> shards;
  };
  KafkaQuestions<std::vector<TopicShard>, std::vector<Offset>> ends;
  KafkaQuestions<std::vector<TopicShard>, std::vector<Offset>> starts;
  KafkaQuestions<FloorsOf, std::vector<Offset>> floors_of;
  KafkaQuestions<TopicShard, KafkaMetadata::Fields> metadata_of;
  KafkaQuestions<KafkaMetadata::Change, Done> metadata_changes;

  // Last: they end first, with all that they were given. `questions` has the above to itself, but
  // for `reader`, which is that of `reads` once it is there.
  KafkaWorker disposal;
  KafkaWorker reads;
  KafkaWorker questions;
};

// Calls until the answer is another than that a partition's leader or a group's coordinator is just
// changing, or for `deadline`. Blocks.
rd_kafka_resp_err_t AskWhileChanging(rd_kafka_t* client,
                                     const std::function<rd_kafka_resp_err_t()>& ask,
                                     Duration deadline);

template <typename T>
Future<Result<T>> KafkaCore::Ask(KafkaWorker& worker, std::function<Result<T>()> question) {
  using SteadyClock = std::chrono::steady_clock;
  Promise<Result<T>> promise;
  Future<Result<T>> future = promise.future();
  const auto give_up = SteadyClock::now() + options.kafka.deadline;
  worker.Do([this, token = calls.Enter(), promise, give_up, question = std::move(question)] {
    Result<T> answer = SteadyClock::now() < give_up ? question() : Result<T>(AskedTooLate());
    loop.Post(
        [token, promise, answer = std::move(answer)]() mutable { promise.Set(std::move(answer)); });
  });
  return future;
}

template <typename Question, typename T>
Future<Result<T>> KafkaQuestions<Question, T>::Ask(Question question) {
  Promise<Result<T>> promise;
  Future<Result<T>> future = promise.future();
  std::lock_guard lock(mutex_);
  asked_.questions.push_back(std::move(question));
  asked_.promises.push_back(std::move(promise));
  if (asked_.questions.size() > 1) return future;
  asked_.since = std::chrono::steady_clock::now();
  asked_.token = core_.calls.Enter();
  core_.questions.Do([this] { AnswerAll(); });
  return future;
}

template <typename Question, typename T>
void KafkaQuestions<Question, T>::AnswerAll() {
  Asked asked;
  {
    std::lock_guard lock(mutex_);
    asked = std::exchange(asked_, {});
  }
  const bool late = std::chrono::steady_clock::now() - asked.since > core_.options.kafka.deadline;
  Result<std::vector<T>> answers =
      late ? Result<std::vector<T>>(AskedTooLate()) : answer_(asked.questions);
  core_.loop.Post([token = std::move(asked.token), promises = std::move(asked.promises),
                   answers = std::move(answers)]() mutable {
    for (size_t i = 0; i < promises.size(); ++i) {
      promises[i].Set(answers.ok() ? Result<T>(std::move((*answers)[i])) : answers.status());
    }
  });
}

}  // namespace epigrid
