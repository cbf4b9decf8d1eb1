#include "common/crypto/key_table.h"

#include <algorithm>
#include <utility>

#include "common/crypto/durable_keys.h"

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kPollWait = std::chrono::milliseconds(50);
constexpr Duration kAgainAfterError = std::chrono::milliseconds(200);
constexpr size_t kRestatedAtOnce = 1'000;
// In the log; no person's id.
const char* const kRootKey = "root";

}  // namespace

KeyTable::KeyTable(Scheduler& scheduler, EventLog& log, Options options)
    : scheduler_(scheduler),
      log_(log),
      options_(std::move(options)),
      shards_(options_.shard_count) {}

KeyTable::~KeyTable() = default;

void KeyTable::Start() {
  stopped_ = false;
  producer_ = log_.NewProducer();
  consumer_ = log_.NewConsumer();
  for (Shard shard = 0; shard < options_.shard_count; ++shard) {
    consumer_->Assign({options_.topic, shard}, 0);
  }
  reading_ = ReadLoop();
  reading_.Start();
  restating_ = RestateLoop();
  restating_.Start();
}

void KeyTable::Stop() {
  stopped_ = true;
  reading_ = {};
  restating_ = {};
  consumer_.reset();
  producer_.reset();
  for (Waiter& waiter : std::exchange(waiters_, {})) {
    waiter.promise.Set(KeyStoreUnavailable("the process ends"));
  }
}

std::optional<std::string> KeyTable::Find(const std::string& person_id) const {
  std::lock_guard lock(mutex_);
  const auto& standing = shards_[ShardOf(person_id, options_.shard_count)].standing;
  const auto found = standing.find(person_id);
  if (found == standing.end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<std::string, std::string>> KeyTable::PageOf(Shard shard) const {
  std::lock_guard lock(mutex_);
  return {shards_[shard].standing.begin(), shards_[shard].standing.end()};
}

std::optional<std::string> KeyTable::root_mark() const {
  std::lock_guard lock(mutex_);
  return root_mark_;
}

Task<Result<Done>> KeyTable::CatchUp(std::vector<std::string> person_ids) {
  std::set<Shard> shards;
  for (const std::string& person_id : person_ids) {
    shards.insert(ShardOf(person_id, options_.shard_count));
  }
  for (Shard shard = 0; person_ids.empty() && shard < options_.shard_count; ++shard) {
    shards.insert(shard);
  }
  std::vector<TopicShard> of;
  for (const Shard shard : shards) of.push_back({options_.topic, shard});
  const Result<std::vector<Offset>> ends = co_await log_.Ends(of);
  if (!ends.ok()) co_return KeyStoreUnavailable(ends.status().message());
  Ends until;
  for (size_t i = 0; i < of.size(); ++i) until[of[i].shard] = (*ends)[i];
  co_return co_await AwaitRead(std::move(until));
}

Task<Result<Done>> KeyTable::Put(std::vector<Write> writes) {
  std::vector<NewRecord> records;
  records.reserve(writes.size());
  for (const Write& write : writes) records.push_back(ToRecord(write.person_id, write.record));
  return Append(std::move(records));
}

Task<Result<Done>> KeyTable::PutRootMark(std::string mark) {
  KeyRecord record;
  record.set_root_mark(std::move(mark));
  return Append({{{options_.topic, 0}, kRootKey, record.SerializeAsString()}});
}

NewRecord KeyTable::ToRecord(const std::string& person_id, const KeyRecord& record) const {
  return {{options_.topic, ShardOf(person_id, options_.shard_count)},
          person_id,
          record.SerializeAsString()};
}

Task<Result<Done>> KeyTable::Append(std::vector<NewRecord> records) {
  if (records.empty()) co_return Done{};
  co_await scheduler_.Sleep(Duration::zero());  // to its thread
  if (stopped_) co_return KeyStoreUnavailable("the process ends");
  if (producer_->broken()) producer_ = log_.NewProducer();
  std::vector<Shard> shards;
  for (const NewRecord& record : records) shards.push_back(record.to.shard);
  const Result<std::vector<Offset>> appended = co_await producer_->Append(std::move(records));
  if (!appended.ok()) co_return KeyStoreUnavailable(appended.status().message());
  Ends until;
  for (size_t i = 0; i < shards.size(); ++i) {
    until[shards[i]] = std::max(until[shards[i]], (*appended)[i]);
  }
  co_return co_await AwaitRead(std::move(until));
}

Task<Result<Done>> KeyTable::AwaitRead(Ends ends) {
  co_await scheduler_.Sleep(Duration::zero());  // to its thread
  if (stopped_) co_return KeyStoreUnavailable("the process ends");
  if (IsRead(ends)) co_return Done{};
  Waiter waiter{.until = std::move(ends), .since = SteadyClock::now(), .promise = {}};
  Future<Result<Done>> read = waiter.promise.future();
  waiters_.push_back(std::move(waiter));
  co_return co_await read;
}

bool KeyTable::IsRead(const Ends& ends) const {
  std::lock_guard lock(mutex_);
  return std::ranges::all_of(
      ends, [this](const auto& end) { return shards_[end.first].read >= end.second; });
}

void KeyTable::Wake() {
  std::vector<Waiter> waiting = std::exchange(waiters_, {});
  for (Waiter& waiter : waiting) {
    if (IsRead(waiter.until)) {
      waiter.promise.Set(Done{});
    } else {
      waiters_.push_back(std::move(waiter));
    }
  }
}

void KeyTable::Accept(Shard shard, const LogRecord& logged) {
  KeyRecord record;
  ShardKeys& keys = shards_[shard];
  keys.read = logged.offset;
  // What nobody can read is nobody's key.
  if (!record.ParseFromString(logged.value)) return;
  const bool says_something =
      record.has_root_mark() || record.erased() || !record.wrapped().empty();
  if (!says_something) return;
  if (record.has_root_mark()) {
    if (!root_mark_.has_value()) root_mark_ = std::move(*record.mutable_root_mark());
    return;
  }
  AcceptKey(keys, logged.key, record);
}

void KeyTable::AcceptKey(ShardKeys& keys, const std::string& person_id, const KeyRecord& record) {
  const std::string wanted = record.erased() ? "" : record.wrapped();
  const auto [found, is_new] = keys.standing.try_emplace(person_id, wanted);
  std::string& stands = found->second;
  const bool takes_its_place = !record.replaces().empty() && record.replaces() == stands;
  if (!is_new && (record.erased() || takes_its_place)) stands = wanted;
  if (stands == wanted) {
    keys.too_late.erase(person_id);
  } else {
    keys.too_late.insert(person_id);
  }
}

// A consumer that could not go on with a shard has let it go.
void KeyTable::AssignAgain(const Status& failed) {
  const auto found = failed.metadata().find("shard");
  if (found == failed.metadata().end()) return;
  const auto shard = static_cast<Shard>(std::stoul(found->second));
  std::lock_guard lock(mutex_);
  consumer_->Assign({options_.topic, shard}, shards_[shard].read);
}

void KeyTable::LoseHope() {
  const auto long_ago = SteadyClock::now() - options_.patience;
  if (read_at_ > long_ago) return;
  std::vector<Waiter> waiting = std::exchange(waiters_, {});
  for (Waiter& waiter : waiting) {
    if (waiter.since < long_ago) {
      waiter.promise.Set(KeyStoreUnavailable("nothing can be read from the log"));
    } else {
      waiters_.push_back(std::move(waiter));
    }
  }
}

Task<void> KeyTable::ReadLoop() {
  while (true) {
    Result<std::vector<Polled>> polled = co_await consumer_->Poll(kPollWait);
    LoseHope();
    if (!polled.ok()) {
      AssignAgain(polled.status());
      co_await scheduler_.Sleep(kAgainAfterError);
      continue;
    }
    if (!polled->empty()) read_at_ = SteadyClock::now();
    {
      std::lock_guard lock(mutex_);
      for (const Polled& each : *polled) {
        for (const LogRecord& record : each.records) Accept(each.from.shard, record);
      }
    }
    if (!polled->empty()) Wake();
  }
}

// A record that came too late is seen by every process, and written over by each that sees it
// first.
Task<void> KeyTable::RestateLoop() {
  while (true) {
    co_await scheduler_.Sleep(options_.restate_every);
    if (Restatements().empty()) continue;
    // Not before everything was read: what is behind it may have put it right already.
    if (const Result<Done> read = co_await CatchUp({}); !read.ok()) continue;
    // One that failed stays among those that are to be restated.
    (void)co_await Append(Restatements());
  }
}

std::vector<NewRecord> KeyTable::Restatements() const {
  std::lock_guard lock(mutex_);
  std::vector<NewRecord> records;
  for (const ShardKeys& keys : shards_) {
    for (const std::string& person_id : keys.too_late) {
      if (records.size() == kRestatedAtOnce) return records;
      KeyRecord record;
      const std::string& stands = keys.standing.at(person_id);
      stands.empty() ? record.set_erased(true) : record.set_wrapped(stands);
      records.push_back(ToRecord(person_id, record));
    }
  }
  return records;
}

}  // namespace epigrid
