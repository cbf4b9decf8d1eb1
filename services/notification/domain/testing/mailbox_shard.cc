#include "services/notification/domain/testing/mailbox_shard.h"

#include <algorithm>
#include <functional>

#include "common/base/proto_time.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {

void MailboxShard::Configure(const state::v1::SendingConfiguration& configuration) {
  Event event;
  event.mutable_configured()->set_configuration(configuration.SerializeAsString());
  Fold(event);
}

std::string MailboxShard::Change(const std::string& person_id, health_code::v1::Colour colour) {
  return FoldCode(person_id, colour, health_code::v1::COLOUR_UNSPECIFIED,
                  health_code::v1::MEASURE_HOME);
}

std::string MailboxShard::Expose(const std::string& person_id, health_code::v1::Colour colour,
                                 health_code::v1::Measure measure) {
  return FoldCode(person_id, colour, colour, measure);
}

std::string MailboxShard::FoldCode(const std::string& person_id, health_code::v1::Colour colour,
                                   health_code::v1::Colour previous,
                                   health_code::v1::Measure measure) {
  Event event;
  events::v1::CodeChanged& changed = *event.mutable_code_changed();
  changed.set_person_id(person_id);
  changed.set_version(offset_ + 1000);
  changed.set_colour(colour);
  changed.set_measure(measure);
  changed.set_previous_colour(previous);
  changed.set_previous_measure(measure);
  changed.add_reasons()->set_rule("PLACE_EXPOSURE");
  Fold(event);
  return CellReader::ParseProto<state::v1::StoredPerson>(&strings_.at(keys::Person(person_id)))
      ->waiting_message_id();
}

bool MailboxShard::Start(const std::string& person_id, const std::string& message_id,
                         const std::string& attempt_id) {
  Event event;
  events::v1::AttemptStarted& started = *event.mutable_attempt_started();
  started.set_person_id(person_id);
  started.set_message_id(message_id);
  started.set_attempt_id(attempt_id);
  *started.mutable_start_time() = ToProto(now);
  return Fold(event).empty();
}

bool MailboxShard::Finish(const std::string& person_id, const std::string& message_id,
                          const std::string& attempt_id, v1::AttemptOutcome outcome,
                          const std::string& reason) {
  Event event;
  events::v1::AttemptFinished& finished = *event.mutable_attempt_finished();
  finished.set_person_id(person_id);
  finished.set_message_id(message_id);
  finished.set_attempt_id(attempt_id);
  finished.set_outcome(outcome);
  finished.set_reason(reason);
  *finished.mutable_end_time() = ToProto(now);
  return Fold(event).empty();
}

void MailboxShard::Tick(Time to) {
  now = to;
  Event event;
  *event.mutable_tick()->mutable_time() = ToProto(to);
  log_.emplace_back(now, event);
  ++offset_;
  shard_time_ = to;
  std::vector<Timer> due;
  for (const auto& [id, at] : timers_) {
    if (at <= to) due.push_back({at, id});
  }
  std::ranges::sort(due);
  for (const Timer& timer : due) {
    cells_.MoveTimer(timer.id, timer.due, Time{});
    Run([&](Context& context) { fold_.FireTimer(timer, cells_, context); },
        [&](NeedSet& needs) { fold_.TimerNeeds(timer, cells_, needs); });
  }
}

std::vector<std::string> MailboxShard::Fold(const Event& event) {
  log_.emplace_back(now, event);
  ++offset_;
  return Run([&](Context& context) { fold_.Apply(event, cells_, context); },
             [&](NeedSet& needs) { fold_.Needs(event, cells_, needs); });
}

void MailboxShard::Replay(const std::vector<std::pair<Time, Event>>& log) {
  for (const auto& [at, event] : log) {
    now = at;
    if (event.has_tick()) {
      Tick(at);
    } else {
      Fold(event);
    }
  }
}

template <typename ApplyFn>
std::vector<std::string> MailboxShard::Run(ApplyFn apply,
                                           const std::function<void(NeedSet&)>& name_needs) {
  while (true) {
    NeedSet needs;
    name_needs(needs);
    const std::vector<CellRead> missing = cells_.Missing(needs.reads());
    if (missing.empty()) break;
    for (const CellRead& read : missing) cells_.Load(read, Read(read));
  }
  Context context(0, offset_, 0, shard_time_, now - delay);
  apply(context);
  const std::vector<CellWrite> writes = cells_.TakeWrites();
  EPIGRID_CHECK(writes.size() <= kWritesPerEventMax, "an event writes few cells");
  for (const CellWrite& write : writes) Write(write);
  for (const Emission& emission : context.emissions) {
    const events::v1::DeliveryChanged& changed = emission.event.delivery_changed();
    EPIGRID_CHECK(emission.topic == kDeliveryTopic, "nothing else is published");
    published_.push_back(changed.message_id() + " " + v1::MessageState_Name(changed.state()));
  }
  CheckDigest();
  cells_.Begin(cells_.digest());
  return context.ignored;
}

CellFound MailboxShard::Read(const CellRead& read) const {
  CellFound found;
  if (read.kind == CellRead::Kind::kString) {
    if (const auto at = strings_.find(read.key); at != strings_.end()) found.value = at->second;
  } else if (const auto at = members_.find(read.key); at != members_.end()) {
    EPIGRID_CHECK(read.kind == CellRead::Kind::kMembers, "a mailbox is read as a whole");
    found.members = at->second;
  }
  return found;
}

void MailboxShard::Write(const CellWrite& write) {
  switch (write.kind) {
    case CellWrite::Kind::kSet: strings_[write.key] = write.value; break;
    case CellWrite::Kind::kSetMember: members_[write.key][write.field] = write.value; break;
    case CellWrite::Kind::kDeleteMember: members_[write.key].erase(write.field); break;
    case CellWrite::Kind::kAddToIndex: indexes_[write.key].insert(write.field); break;
    case CellWrite::Kind::kRemoveFromIndex: indexes_[write.key].erase(write.field); break;
    case CellWrite::Kind::kSetTimer: timers_[write.field] = write.due; break;
    case CellWrite::Kind::kDeleteTimer: timers_.erase(write.field); break;
    case CellWrite::Kind::kDelete: EPIGRID_CHECK(false, "this fold deletes no whole cell");
  }
}

void MailboxShard::CheckDigest() const {
  Digest counted;
  for (const auto& [key, value] : strings_) counted.AddCell(key, {}, value);
  for (const auto& [key, fields] : members_) {
    for (const auto& [field, value] : fields) counted.AddCell(key, field, value);
  }
  for (const auto& [key, members] : indexes_) {
    for (const std::string& member : members) counted.AddCell(key, member, {});
  }
  for (const auto& [id, due] : timers_) counted.AddTimer(id, due);
  EPIGRID_CHECK(counted == cells_.digest(), "the digest is that of what was written");
}

std::optional<state::v1::StoredMessage> MailboxShard::Find(const std::string& person_id,
                                                           const std::string& message_id) const {
  const auto messages = members_.find(keys::Messages(person_id));
  if (messages == members_.end()) return std::nullopt;
  const auto found = messages->second.find(message_id);
  if (found == messages->second.end()) return std::nullopt;
  return CellReader::ParseProto<state::v1::StoredMessage>(&found->second);
}

size_t MailboxShard::CountMessages(const std::string& person_id) const {
  const auto messages = members_.find(keys::Messages(person_id));
  return messages == members_.end() ? 0 : messages->second.size();
}

std::set<std::string> MailboxShard::offered() const {
  const auto found = indexes_.find(keys::kDueIndex);
  return found == indexes_.end() ? std::set<std::string>() : found->second;
}

std::set<std::string> MailboxShard::started() const {
  const auto found = indexes_.find(keys::kStartedIndex);
  return found == indexes_.end() ? std::set<std::string>() : found->second;
}

}  // namespace epigrid::notification
