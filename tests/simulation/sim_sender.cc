#include "tests/simulation/sim_sender.h"

#include <algorithm>
#include <utility>

#include "common/base/proto_time.h"
#include "common/projector/parking.h"
#include "epigrid/notification/state/v1/state.pb.h"
#include "services/notification/view/keys.h"

namespace epigrid {
namespace {

using notification::Channel;
using notification::ContactResolver;
using notification::MessageRef;
using notification::OutgoingMessage;
using notification::PersonEvent;
using notification::ResolvedContact;
using notification::SendResult;
using std::chrono::milliseconds;
namespace keys = notification::keys;

constexpr char kEndpoint[] = "web";

Status ViewRebuilding() { return Unavailable("VIEW_REBUILDING", "there is no live view"); }

// Everybody is reached at one endpoint, under their id.
class Contacts final : public ContactResolver {
 public:
  explicit Contacts(SimProcess& process) : process_(process.mailbox()) {}

  Future<Result<std::vector<ResolvedContact>>> Resolve(
      std::vector<std::string> person_ids) override {
    using Answer = Result<std::vector<ResolvedContact>>;
    Promise<Answer> promise;
    SimRandom& random = process_.world().random();
    const bool fails = random.Chance(0.05);
    process_.Deliver(random.Between({}, milliseconds(5)), [promise, person_ids, fails] {
      if (fails) return promise.Set(Answer(Unavailable("IDENTITY_UNAVAILABLE", "told to fail")));
      std::vector<ResolvedContact> contacts;
      for (const std::string& id : person_ids) {
        contacts.push_back({OkStatus(), {{kEndpoint, id}}, "zh"});
      }
      promise.Set(Answer(std::move(contacts)));
    });
    return promise.future();
  }

 private:
  const SimProcess::Mailbox process_;
};

class OutsideWorld final : public Channel {
 public:
  OutsideWorld(SimProcess& process, Deliveries& deliveries)
      : process_(process.mailbox()), deliveries_(deliveries) {}

  Future<SendResult> Send(OutgoingMessage message) override {
    Promise<SendResult> promise;
    SimRandom& random = process_.world().random();
    const bool arrives = !random.Chance(SimSender::kFails);
    const bool answered = arrives && !random.Chance(SimSender::kFails);
    if (arrives) {
      process_.world().After(
          random.Between({}, milliseconds(20)), [&deliveries = deliveries_, message] {
            deliveries.push_back({message.message_id, message.address, message.colour});
          });
    }
    process_.Deliver(random.Between(milliseconds(20), milliseconds(100)), [promise, answered] {
      promise.Set(answered ? SendResult{notification::v1::ATTEMPT_OUTCOME_DELIVERED, ""}
                           : SendResult{notification::v1::ATTEMPT_OUTCOME_FAILED, "TIMEOUT"});
    });
    return promise.future();
  }

 private:
  const SimProcess::Mailbox process_;
  Deliveries& deliveries_;
};

}  // namespace

SimOutbox::SimOutbox(World& world, SimService& service, SimProcess& process)
    : service_(service),
      process_(process),
      link_(process.mailbox(), &service.view().link),
      log_(world.log(), process),
      producer_(log_.NewProducer()) {}

Task<Result<std::vector<std::string>>> SimOutbox::Offered(Shard shard, std::string after,
                                                          size_t limit) {
  std::function<Result<std::vector<std::string>>()> read =
      [&view = service_.view(), shard, after, limit]() -> Result<std::vector<std::string>> {
    const ShardImage* live = view.Live(shard);
    if (live == nullptr) return ViewRebuilding();
    std::vector<std::string> page;
    auto index = live->indexes.find(keys::kDueIndex);
    if (index == live->indexes.end()) return page;
    for (auto at = index->second.upper_bound(after);
         at != index->second.end() && page.size() < limit; ++at) {
      page.push_back(*at);
    }
    return page;
  };
  co_return co_await link_.Call<std::vector<std::string>>(std::move(read), "VIEW_UNAVAILABLE");
}

Task<Result<uint64_t>> SimOutbox::CountOffered(Shard shard) {
  auto page = co_await Offered(shard, "", SIZE_MAX);
  if (!page.ok()) co_return page.status();
  co_return page->size();
}

Task<Result<std::vector<std::optional<notification::state::v1::StoredMessage>>>> SimOutbox::Read(
    std::vector<MessageRef> messages) {
  using Messages = std::vector<std::optional<notification::state::v1::StoredMessage>>;
  std::function<Result<Messages>()> read = [&view = service_.view(), messages,
                                            shards = service_.shard_count()]() -> Result<Messages> {
    Messages found;
    for (const MessageRef& message : messages) {
      const ShardImage* live = view.Live(ShardOf(message.person_id, shards));
      if (live == nullptr) return ViewRebuilding();
      const CellFound cell = live->Read(
          {CellRead::Kind::kMember, keys::Messages(message.person_id), message.message_id, {}});
      std::optional<notification::state::v1::StoredMessage>& added = found.emplace_back();
      if (!cell.value.has_value()) continue;
      notification::state::v1::StoredMessage stored;
      EPIGRID_CHECK(stored.ParseFromString(*cell.value), "the cell was written by this service");
      added = std::move(stored);
    }
    return found;
  };
  co_return co_await link_.Call<Messages>(std::move(read), "VIEW_UNAVAILABLE");
}

Task<Result<std::vector<ShardPosition>>> SimOutbox::Append(std::vector<PersonEvent> events) {
  std::map<Shard, Envelope> envelopes;
  for (PersonEvent& event : events) {
    Envelope& envelope = envelopes[ShardOf(event.person_id, service_.shard_count())];
    *envelope.add_events() = std::move(event.event);
  }
  std::vector<NewRecord> records;
  for (auto& [shard, envelope] : envelopes) {
    envelope.set_schema_version(kSchemaVersion);
    *envelope.mutable_recorded_at() = ToProto(process_.Now());
    envelope.set_actor("system:notification");
    records.push_back({{service_.inbox(), shard}, "", envelope.SerializeAsString()});
  }
  if (producer_->broken()) producer_ = log_.NewProducer();
  auto appended = co_await producer_->Append(std::move(records));
  if (!appended.ok()) co_return appended.status();
  std::vector<ShardPosition> positions;
  size_t i = 0;
  for (const auto& [shard, envelope] : envelopes) positions.push_back({shard, (*appended)[i++]});
  co_return positions;
}

bool SimOutbox::IsParked(const std::string& person_id) const {
  const ShardImage* live = service_.view().Live(ShardOf(person_id, service_.shard_count()));
  if (live == nullptr) return false;
  const auto cell = live->strings.find(std::string(kParkedCell));
  if (cell == live->strings.end()) return false;
  const std::optional<ParkedRecords> parked = ParkedRecords::Decode(cell->second);
  return std::ranges::any_of(
      parked->roots(), [&](const ParkedRoot& root) { return root.entities.contains(person_id); });
}

Task<Status> SimOutbox::AwaitApplied(std::vector<ShardPosition> positions, Time deadline) {
  while (true) {
    std::function<Result<bool>()> look = [&view = service_.view(), positions]() -> Result<bool> {
      return std::ranges::all_of(positions, [&](const ShardPosition& position) {
        const ShardImage* live = view.Live(position.shard);
        return live != nullptr && live->meta.applied >= position.offset;
      });
    };
    const Result<bool> applied = co_await link_.Call<bool>(std::move(look), "VIEW_UNAVAILABLE");
    if (applied.ok() && *applied) co_return OkStatus();
    if (process_.Now() >= deadline) {
      co_return DeadlineExceeded("REVISION_NOT_YET_APPLIED", "the view is not there yet");
    }
    co_await process_.Sleep(milliseconds(20));
  }
}

struct SimSender::Running {
  Running(World& world, SimService& service, Deliveries& deliveries, Duration clock_error)
      : process(world.scheduler()), outbox(world, service, process), contacts(process) {
    process.set_clock_error(clock_error);
    channels[kEndpoint] = std::make_unique<OutsideWorld>(process, deliveries);
    notification::SenderOptions options;
    options.shard_count = service.shard_count();
    options.in_hand_max = 1 + world.random().Below(8);
    options.send_timeout = std::chrono::seconds(1);
    sender = std::make_unique<notification::Sender>(
        process, outbox, contacts, channels, world.random(), [](Shard) { return true; }, options);
    sender->Start();
  }

  SimProcess process;
  SimOutbox outbox;
  Contacts contacts;
  notification::Channels channels;
  std::unique_ptr<notification::Sender> sender;
};

SimSender::SimSender(World& world, SimService& service, Deliveries& deliveries)
    : world_(world), service_(service), deliveries_(deliveries) {}

SimSender::~SimSender() = default;

void SimSender::Start(Duration clock_error) {
  if (running_ != nullptr) return;
  running_ = std::make_unique<Running>(world_, service_, deliveries_, clock_error);
}

void SimSender::Crash() { running_.reset(); }

void SimSender::StallFor(Duration duration) {
  if (running_ != nullptr) running_->process.StallFor(duration);
}

void SimSender::MendClock() {
  if (running_ != nullptr) running_->process.set_clock_error({});
}

}  // namespace epigrid
