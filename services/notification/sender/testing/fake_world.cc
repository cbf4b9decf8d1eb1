#include "services/notification/sender/testing/fake_world.h"

#include <utility>

namespace epigrid::notification {
namespace {

constexpr Duration kTickEvery = std::chrono::seconds(1);

}  // namespace

FakeWorld::FakeWorld(uint64_t seed) : scheduler_(seed) {
  auto web = std::make_unique<FakeChannel>(*this);
  auto file = std::make_unique<FakeChannel>(*this);
  web_ = web.get();
  file_ = file.get();
  channels_.emplace("web", std::move(web));
  channels_.emplace("file", std::move(file));
  shard_.now = Now();
  shard_.Configure(DefaultSendingConfiguration());
  TickOn();
}

void FakeWorld::RunFor(Duration duration) {
  bool over = false;
  // Events of one time happen in any order: those of its end are past only a moment later.
  scheduler_.After(duration + Duration(1), [&over] { over = true; });
  scheduler_.RunUntil([&over] { return over; });
}

void FakeWorld::TickOn() {
  shard_.Tick(Now());
  scheduler_.After(kTickEvery, [this] { TickOn(); });
}

Task<Result<std::vector<std::string>>> FakeWorld::FakeOutbox::Offered(Shard, std::string after,
                                                                      size_t limit) {
  co_await world_.NextTurn();
  std::vector<std::string> page;
  for (const std::string& item : world_.shard_.offered()) {
    if (item > after && page.size() < limit) page.push_back(item);
  }
  co_return page;
}

Task<Result<uint64_t>> FakeWorld::FakeOutbox::CountOffered(Shard) {
  co_await world_.NextTurn();
  co_return world_.shard_.offered().size();
}

Task<Result<std::vector<std::optional<state::v1::StoredMessage>>>> FakeWorld::FakeOutbox::Read(
    std::vector<MessageRef> messages) {
  co_await world_.NextTurn();
  if (!read_error.ok()) co_return read_error;
  std::vector<std::optional<state::v1::StoredMessage>> found;
  for (const MessageRef& message : messages) {
    found.push_back(world_.shard_.Find(message.person_id, message.message_id));
  }
  co_return found;
}

Task<Result<std::vector<ShardPosition>>> FakeWorld::FakeOutbox::Append(
    std::vector<PersonEvent> events) {
  co_await world_.NextTurn();
  before_append();
  if (append_error.ok() || append_in_spite_of_error) {
    appended += events.size();
    unfolded_.insert(unfolded_.end(), events.begin(), events.end());
    if (!paused) Resume();
  }
  if (!append_error.ok()) {
    ++appends_failed;
    co_return append_error;
  }
  co_return std::vector<ShardPosition>{{0, 1}};
}

void FakeWorld::FakeOutbox::Resume() {
  paused = false;
  world_.shard_.now = world_.Now();
  for (const PersonEvent& event : std::exchange(unfolded_, {})) {
    if (!parked.contains(event.person_id)) world_.shard_.Fold(event.event);
  }
}

Task<Status> FakeWorld::FakeOutbox::AwaitApplied(std::vector<ShardPosition>, Time deadline) {
  co_await world_.NextTurn();
  while (paused && world_.Now() < deadline) co_await world_.scheduler_.Sleep(kTickEvery / 10);
  if (paused) co_return DeadlineExceeded("REVISION_NOT_YET_APPLIED", "the fold is behind");
  co_return OkStatus();
}

Future<Result<std::vector<ResolvedContact>>> FakeWorld::FakeContacts::Resolve(
    std::vector<std::string> person_ids) {
  ++calls;
  Promise<Result<std::vector<ResolvedContact>>> promise;
  Future<Result<std::vector<ResolvedContact>>> future = promise.future();
  Result<std::vector<ResolvedContact>> answer = std::vector<ResolvedContact>();
  for (const std::string& person_id : person_ids) answer->push_back(people_.at(person_id));
  if (!unavailable.ok()) answer = unavailable;
  world_.scheduler_.Post([promise, answer = std::move(answer)] { promise.Set(answer); });
  return future;
}

Future<SendResult> FakeWorld::FakeChannel::Send(OutgoingMessage message) {
  sent.push_back(std::move(message));
  Promise<SendResult> promise;
  Future<SendResult> future = promise.future();
  held_.push_back(promise);
  if (!hold) Release();
  return future;
}

void FakeWorld::FakeChannel::Release() {
  hold = false;
  for (const Promise<SendResult>& promise : std::exchange(held_, {})) {
    world_.scheduler_.Post([promise, answer = result] { promise.Set(answer); });
  }
}

}  // namespace epigrid::notification
